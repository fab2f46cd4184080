"""The catalogue as HATS, the Parquet layout by sky position that LSDB opens.

The layout follows the IVOA note "HATS" (https://www.ivoa.net/documents/Notes/HATS/), version 1.0.
The Parquet metadata has units, UCDs and descriptions as a VOTable, after the note "VOParquet". The
spectra themselves are a nested column, if wanted (`galspec_spark.export.nested_spectra`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from galspec_spark import __version__
from galspec_spark.catalog.read import PLACE
from galspec_spark.export.columns import Columns
from galspec_spark.export.nested_spectra import SPECTRUM, with_spectra
from galspec_spark.export.sorted_rows import SortedRows
from galspec_spark.warehouse.frames import frame_of_tasks, scan
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.votable import voparquet, votable_of, without_voparquet

#: Order of the smallest pixels, of 0.05 square degrees; the driver counts the rows of 786,432.
MAX_ORDER = 8
POSITION = "_healpix_29"


@dataclass(frozen=True)
class Layout:
    """How many rows are together, and what they have."""

    max_rows: int  #: a HEALPix pixel with more is divided in four
    row_group: int
    has_spectra: bool


#: As in HATS' own importer.
ROWS_ALONE = Layout(1_000_000, 25_000, has_spectra=False)
#: Of 32 kB each in memory.
ROWS_WITH_SPECTRA = Layout(10_000, 1_000, has_spectra=True)


@dataclass(frozen=True, order=True)
class Pixel:
    """A partition: a nested HEALPix pixel."""

    order: int
    number: int

    @property
    def range29(self) -> tuple[int, int]:
        """Return the range of its pixels of order 29: the first, and the end."""
        shift = 2 * (29 - self.order)
        return self.number << shift, (self.number + 1) << shift

    @property
    def file(self) -> str:
        """Return the path of its file within the dataset."""
        folder = self.number // 10_000 * 10_000
        return f"Norder={self.order}/Dir={folder}/Npix={self.number}.parquet"


def write_hats(
    spark: SparkSession,
    rows: SortedRows,
    folder: Path,
    provenance: dict[str, str],
    layout: Layout,
) -> dict[str, int]:
    """Write the rows with a sky position; return the numbers of rows and partitions."""
    dataset = folder / "dataset"
    dataset.mkdir(parents=True)
    unfinished = folder.with_name("pixels")
    schema = _schema(rows.columns, provenance, layout)
    pixels = divide(_histogram(spark, rows), layout.max_rows) or {Pixel(0, 0): 0}
    written = _write_pixels(spark, rows, list(pixels), unfinished, schema, layout)
    footers = []
    for pixel, path in sorted(written.items()):
        place = dataset / pixel.file
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
        footers.append(pq.read_metadata(place))
        footers[-1].set_file_path(pixel.file)
    pq.write_metadata(schema, dataset / "_common_metadata")
    pq.write_metadata(schema, dataset / "_metadata", metadata_collector=footers)
    lines = ["Norder,Npix", *(f"{pixel.order},{pixel.number}" for pixel in sorted(pixels))]
    (folder / "partition_info.csv").write_text("\n".join(lines) + "\n")
    _write_properties(folder, pixels, layout.max_rows, provenance)
    return {"rows": sum(pixels.values()), "partitions": len(pixels)}


def _schema(columns: Columns, provenance: dict[str, str], layout: Layout) -> pa.Schema:
    fields = [f.with_name(POSITION) if f.name == "healpix29" else f for f in columns.schema]
    schema = pa.schema([*fields, *([SPECTRUM] if layout.has_spectra else [])])
    return without_voparquet(schema).with_metadata(voparquet(votable_of(schema, provenance)))


def _histogram(spark: SparkSession, rows: SortedRows) -> NDArray[np.int64]:
    """Count the rows of each pixel of the highest order."""
    histogram = np.zeros(12 * 4**MAX_ORDER, np.int64)
    if rows.parts:
        number = F.shiftright("healpix29", 2 * (29 - MAX_ORDER)).alias("number")
        positions = scan(spark, rows.parts, ["healpix29"]).where("healpix29 IS NOT NULL")
        counts = positions.groupBy(number).count().toArrow()
        histogram[counts["number"].to_numpy()] = counts["count"].to_numpy()
    return histogram


def divide(histogram: NDArray[np.int64], max_rows: int) -> dict[Pixel, int]:
    """Return the largest pixels with at most `max_rows` rows each, and their rows.

    Parameters
    ----------
    histogram
        Rows of all pixels of one order, which are never divided.
    """
    levels = [histogram]
    while len(levels[0]) > 12:
        levels.insert(0, levels[0].reshape(-1, 4).sum(axis=1))
    final: dict[Pixel, int] = {}
    taken = np.zeros(12, bool)  # within an undivided pixel of a lower order
    for order, counts in enumerate(levels):
        is_last = order == len(levels) - 1
        whole = (counts <= max_rows) | is_last
        numbers = np.flatnonzero(whole & ~taken & (counts > 0)).tolist()
        final |= {Pixel(order, number): int(counts[number]) for number in numbers}
        taken = np.repeat(whole, 4)
    return final


def _write_pixels(
    spark: SparkSession,
    rows: SortedRows,
    pixels: list[Pixel],
    folder: Path,
    schema: pa.Schema,
    layout: Layout,
) -> dict[Pixel, str]:
    """Write each pixel's rows to a file, in tasks; return the files of successful attempts."""
    parts = [rows.parts_between(*pixel.range29) for pixel in pixels]

    def write(number: int) -> Iterator[pa.RecordBatch]:
        place = Location.of(folder) / f"{os.urandom(8).hex()}.parquet"
        with part_writer(place, schema) as writer:
            for group in _row_groups(parts[number], pixels[number], layout.row_group):
                group = with_spectra(group) if layout.has_spectra else group
                group = group.drop_columns(PLACE.names)
                writer.write_table(group.rename_columns(schema.names).cast(schema))
        yield pa.RecordBatch.from_arrays(
            [pa.array([number]), pa.array([place.path])], ["number", "path"]
        )

    columns = "number long, path string"
    written = frame_of_tasks(spark, write, range(len(pixels)), columns).collect()
    return {pixels[row.number]: row.path for row in written}


def _row_groups(parts: list[Location], pixel: Pixel, size: int) -> Iterator[pa.Table]:
    """Read a pixel's rows from the sorted parts that may hold them."""
    if not parts:
        return
    first, end = pixel.range29
    position = pads.field("healpix29")
    stored = pads.dataset([part.key for part in parts], **parts[0].arrow)
    batches = stored.to_batches(
        filter=(position >= first) & (position < end),
        batch_readahead=2,
        fragment_readahead=1,
        use_threads=False,
    )
    held = stored.schema.empty_table()
    for batch in batches:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        while held.num_rows > size:
            yield held.slice(0, size).combine_chunks()
            held = held.slice(size)
    yield held.combine_chunks()


def _write_properties(
    folder: Path, pixels: dict[Pixel, int], max_rows: int, provenance: dict[str, str]
) -> None:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    properties = {
        "obs_collection": "galspec_spark",
        "dataproduct_type": "source",  # several spectra of an object are several rows
        "hats_nrows": sum(pixels.values()),
        "hats_col_ra": "ra",
        "hats_col_dec": "dec",
        "hats_col_healpix": POSITION,
        "hats_col_healpix_order": 29,
        "hats_cols_sort": "spectrum_id model",
        "hats_cols_survey_id": "spectrum_id model",
        "hats_frame": "equatorial",
        "hats_npix_suffix": ".parquet",
        "hats_max_rows": max_rows,
        "hats_order": max(pixel.order for pixel in pixels),
        "moc_sky_fraction": f"{sum(1 / (12 * 4**pixel.order) for pixel in pixels):.6g}",
        "hats_estsize": size // 1024,
        "hats_builder": f"galspec_spark {__version__}",
        "hats_version": "v1.0",
        "hats_release_date": "2025-08-22",  # of that version
        **{f"galspec_{key}": value for key, value in provenance.items()},
    }
    lines = [f"{key}={_escaped(str(value))}\n" for key, value in properties.items()]
    (folder / "hats.properties").write_text("".join(lines), encoding="utf-8")


def _escaped(value: str) -> str:
    return " ".join(value.replace("\\", "\\\\").split())
