"""The parts of the ``spectra`` table that one task writes."""

from __future__ import annotations

from galspec_spark.ingest.sizing import pixel_bytes
from galspec_spark.readers.batch import in_sky_order, spectra_table
from galspec_spark.readers.rows import Row
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.storage import Location

#: Bytes of flux and ivar that a task holds at most before it writes a sorted part of 200 MB.
HELD_BYTES = 250_000_000
ROW_GROUP = 1000


class SpectraParts:
    """Collects spectra, and writes a part for each survey whenever enough are held."""

    def __init__(
        self, folder: Location, name: str, release: str, provenance: dict[str, str]
    ) -> None:
        self._folder, self._name, self._release = folder, name, release
        self._provenance = provenance
        self._held: dict[str, list[Row]] = {}
        self._held_bytes = 0
        self.places: list[str] = []  #: of the parts, relative to the warehouse

    def add(self, rows: list[Row], file: str) -> None:
        """Take the rows that a reader returned for a file."""
        for row in rows:
            row["spectrum_id"] = f"{row['survey']}-{self._release}-{row['key']}"
            row["file"] = file
            self._held.setdefault(row["survey"], []).append(row)
        self._held_bytes += pixel_bytes(rows)
        if self._held_bytes >= HELD_BYTES:
            self.close()

    def close(self) -> None:
        """Write the spectra that are held."""
        for survey, rows in self._held.items():
            self._write(survey, in_sky_order(rows))
        self._held, self._held_bytes = {}, 0

    def _write(self, survey: str, rows: list[Row]) -> None:
        part = f"{self._name}-{len(self.places):02d}.parquet"
        place = f"spectra/survey={survey}/release={self._release}/{part}"
        self.places.append(place)
        with part_writer(self._folder / place, SPECTRA) as writer:
            for first in range(0, len(rows), ROW_GROUP):
                group = rows[first : first + ROW_GROUP]
                writer.write_table(spectra_table(group, self._provenance))
