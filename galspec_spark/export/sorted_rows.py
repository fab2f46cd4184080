"""The exported rows, sorted and stored once; every format streams them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.read import PLACE
from galspec_spark.export.columns import ORDER, Columns
from galspec_spark.warehouse.frames import scan, write_parts
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location

BATCH_ROWS = 5_000
SHORTEST = 2  #: length of text and vectors: VOTable deprecates arrays of length 1


@dataclass(frozen=True)
class SortedRows:
    """The parts that hold the rows; parts and rows are sorted by `ORDER`.

    A part has the columns of the export and `galspec_spark.catalog.read.PLACE`.
    """

    columns: Columns
    parts: list[Location]
    first_positions: list[int]  #: HEALPix pixel of each part's first row, -1 for none
    count: int
    text_bytes: dict[str, int]  #: longest text of each text column
    n_features: int  #: length of the longest vector
    not_ascii: list[str]  #: text columns that are not ASCII

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows on the driver, a batch at a time."""
        for part in self.parts:
            yield from open_part(part).iter_batches(BATCH_ROWS, columns=self.columns.schema.names)

    def parts_between(self, first: int, end: int) -> list[Location]:
        """Return the parts that may have rows in HEALPix pixels from `first` to before `end`."""
        start = max(bisect_left(self.first_positions, first) - 1, 0)
        return self.parts[start : bisect_left(self.first_positions, end)]


def sort_rows(rows: DataFrame, columns: Columns, folder: Location) -> SortedRows:
    """Sort the rows, write them to a folder, and measure the longest values, all in tasks."""
    text = columns.text
    parts = write_parts(_typed(rows, columns).sort(*ORDER), folder)
    if not parts:
        return SortedRows(columns, [], [], 0, dict.fromkeys(text, SHORTEST), SHORTEST, [])
    measured = scan(rows.sparkSession, parts, ["features", *text]).agg(
        F.count("*").alias("count"),
        F.coalesce(F.max(F.size("features")), F.lit(0)).alias("n_features"),
        *(F.coalesce(F.max(F.octet_length(name)), F.lit(0)).alias(name) for name in text),
        *(F.max(F.octet_length(name) > F.length(name)).alias(f"wide_{name}") for name in text),
    )
    found = measured.collect()[0]
    first_rows = sorted((_first_key(part), part) for part in parts)
    return SortedRows(
        columns,
        [part for _, part in first_rows],
        [key[0] for key, _ in first_rows],
        found["count"],  # Row.count is a method
        {name: max(found[name], SHORTEST) for name in text},
        max(found.n_features, SHORTEST),
        [name for name in text if found[f"wide_{name}"]],
    )


def _typed(rows: DataFrame, columns: Columns) -> DataFrame:
    """Return the columns in their order, with the types of the export, and `PLACE`."""
    wanted = {field.name: field.dataType for field in from_arrow_schema(columns.schema)}
    found = {field.name: field.dataType for field in rows.schema}
    casts = {name: F.col(name).cast(kind) for name, kind in wanted.items() if kind != found[name]}
    return rows.withColumns(casts).select(*wanted, *PLACE.names)


def _first_key(part: Location) -> tuple[int, str, str]:
    """Return the sort key of a part's first row, unique among parts; nulls sort first."""
    first = next(open_part(part).iter_batches(1, columns=ORDER)).to_pylist()[0]
    return (-1 if first["healpix29"] is None else first["healpix29"], *map(first.get, ORDER[1:]))
