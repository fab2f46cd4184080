"""The table ``catalog`` as a DataFrame; keys and lines of its spectra beside it, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.catalog.keys import KEYS, keys_of
from galspec_spark.catalog.keys import STORED as KEYS_STORED
from galspec_spark.errors import UserError
from galspec_spark.measure.schema import LINES
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.frames import BATCH_ROWS, frame_of_tasks, part_schema, read_part
from galspec_spark.warehouse.parts import open_part, part_exists, partition_values
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

ID = "spectrum_id"
#: Names in ``lines`` of the columns beside the catalogue: all but those of the spectrum itself.
#: Provenance gets another name, for the catalogue has its own.
LINES_STORED = {
    f"lines_{field.name}" if field in PROVENANCE else field.name: field.name
    for field in LINES
    if field.name not in (ID, "file", "z")
}


@dataclass(frozen=True)
class Beside:
    """Columns beside the catalogue, made of another table with the same spectra."""

    table: str
    stored: Sequence[str]  #: columns that are read
    schema: pa.Schema  #: of the columns that are made; null where the table lacks a spectrum
    #: Makes them of the stored ones, given the name of the survey.
    make: Callable[[pa.Table, str], list[pa.Array]]


def _as_stored(rows: pa.Table, _survey: str) -> list[pa.Array]:
    return [column.combine_chunks() for column in rows.columns]


#: Where the pixels of a spectrum are: a part of ``restframe``, and the row in it.
PLACE = pa.schema(
    [
        pa.field("restframe_part", pa.string(), nullable=False),
        pa.field("restframe_row", pa.int64(), nullable=False),
    ]
)
OF_SPECTRA = Beside("spectra", KEYS_STORED, KEYS, keys_of)
OF_LINES = Beside(
    "lines",
    tuple(LINES_STORED.values()),
    pa.schema(
        LINES.field(stored).with_name(name).with_nullable(True)
        for name, stored in LINES_STORED.items()
    ),
    _as_stored,
)


def read_catalog(
    spark: SparkSession, warehouse: Warehouse, model: str, release: str | None = None
) -> DataFrame:
    """Open the catalogue of a model, for one release or all.

    It has the columns of `OF_SPECTRA`, and those of `OF_LINES` where the warehouse has a table
    ``lines``; and `PLACE`, where its pixels are. Tasks read the tables side by side, some rows at a
    time: a part of each has the same spectra in the same order.

    Raises
    ------
    UserError
        If there is no such catalogue.
    """
    parts = catalog_parts(warehouse, model, release)
    tables = [OF_SPECTRA, *([OF_LINES] if warehouse.parts("lines") else [])]
    listed = {part for each in tables for part in warehouse.parts(each.table)}

    def found(table: Beside, part: Location) -> Location | None:
        place = warehouse.root / place_in(table.table, part)
        return place if place in listed or part_exists(place) else None

    work = [
        (
            (part, [found(table, part) for table in tables]),
            warehouse.root / place_in("restframe", part),
        )
        for part in parts
    ]
    beside = [f for each in tables for f in each.schema]
    schema = pa.schema([*part_schema(parts[0]), *beside, *PLACE])
    rows = partial(_placed_rows, tables=tables)
    return frame_of_tasks(spark, rows, work, from_arrow_schema(schema))


def _placed_rows(
    work: tuple[tuple[Location, Sequence[Location | None]], Location], tables: Sequence[Beside]
) -> Iterator[pa.RecordBatch]:
    """Read rows with `PLACE`, given the part of ``restframe`` that has the same rows."""
    parts, pixels = work
    first = 0
    for batch in rows_beside(parts, tables):
        end = first + batch.num_rows
        place = [pa.repeat(pixels.path, batch.num_rows), pa.array(range(first, end), pa.int64())]
        schema = pa.schema([*batch.schema, *PLACE])
        yield pa.RecordBatch.from_arrays([*batch.columns, *place], schema=schema)
        first = end


def place_in(table: str, part: Location) -> str:
    """Return where in another table of the warehouse the spectra of a part of ``catalog`` are."""
    values = partition_values(part)
    name, _, _ = part.name.removesuffix(".parquet").rpartition(".")  # of what it was made from
    return f"{table}/survey={values['survey']}/release={values['release']}/{name}.parquet"


def rows_beside(
    work: tuple[Location, Sequence[Location | None]], tables: Sequence[Beside]
) -> Iterator[pa.RecordBatch]:
    """Read a part of ``catalog``, and beside it the parts of `tables` that have the same rows."""
    part, others = work
    survey = partition_values(part)["survey"]
    rows = read_part(part, part_schema(part))
    for table, place in zip(tables, others, strict=True):
        if place is None:
            rows = map(partial(_without, table=table), rows)
        else:
            rows = _read_beside(rows, place, table, survey)
    return rows


def _without(batch: pa.RecordBatch, table: Beside) -> pa.RecordBatch:
    return _widened(batch, table, [pa.nulls(batch.num_rows, each.type) for each in table.schema])


def _read_beside(
    rows: Iterator[pa.RecordBatch], place: Location, table: Beside, survey: str
) -> Iterator[pa.RecordBatch]:
    part = open_part(place)
    columns = [ID, *table.stored]
    stored = part.iter_batches(BATCH_ROWS, columns=columns)
    held = pa.schema([part.schema_arrow.field(name) for name in columns]).empty_table()
    for batch in rows:
        while held.num_rows < batch.num_rows and (more := next(stored, None)) is not None:
            held = pa.concat_tables([held, pa.Table.from_batches([more.select(columns)])])
        found, held = held.slice(0, batch.num_rows), held.slice(batch.num_rows)
        if not found[ID].combine_chunks().equals(batch[ID]):
            raise UserError(
                f"{place} has other spectra than the table catalog: galspec verify tells the remedy"
            )
        yield _widened(batch, table, table.make(found.select(table.stored), survey))


def _widened(batch: pa.RecordBatch, table: Beside, values: list[pa.Array]) -> pa.RecordBatch:
    schema = pa.schema([*batch.schema, *table.schema])
    return pa.RecordBatch.from_arrays([*batch.columns, *values], schema=schema)
