"""The table ``catalog`` as a DataFrame, the lines of its spectra beside it, part by part."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.errors import UserError
from galspec_spark.measure.schema import LINES
from galspec_spark.warehouse.frames import BATCH_ROWS, frame_of_tasks, part_schema, read_part, scan
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.schemas import PROVENANCE
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

ID = "spectrum_id"
#: Names in ``lines`` of the columns beside the catalogue: all but those of the spectrum itself.
#: Provenance gets another name, for the catalogue has its own.
STORED = {
    f"lines_{field.name}" if field in PROVENANCE else field.name: field.name
    for field in LINES
    if field.name not in (ID, "file", "z")
}
#: The columns beside the catalogue; null where a spectrum was not measured.
BESIDE = pa.schema(
    LINES.field(stored).with_name(name).with_nullable(True) for name, stored in STORED.items()
)


def read_catalog(
    spark: SparkSession, warehouse: Warehouse, model: str, release: str | None = None
) -> DataFrame:
    """Open the catalogue of a model, for one release or all.

    It has the columns `BESIDE` where the warehouse has a table ``lines``. Tasks read both tables
    side by side, some rows at a time: a part of each has the same spectra in the same order.

    Raises
    ------
    UserError
        If there is no such catalogue.
    """
    parts = catalog_parts(warehouse, model, release)
    measured = {warehouse.place_of(part): part for part in warehouse.parts("lines")}
    if not measured:
        return scan(spark, parts)
    work = [(part, measured.get(place_in("lines", part))) for part in parts]
    schema = pa.schema([*part_schema(parts[0]), *BESIDE])
    return frame_of_tasks(spark, rows_with_lines, work, from_arrow_schema(schema))


def place_in(table: str, part: Location) -> str:
    """Return where in another table of the warehouse the spectra of a part of ``catalog`` are."""
    values = partition_values(part)
    name, _, _ = part.name.removesuffix(".parquet").rpartition(".")  # of what it was made from
    return f"{table}/survey={values['survey']}/release={values['release']}/{name}.parquet"


def rows_with_lines(work: tuple[Location, Location | None]) -> Iterator[pa.RecordBatch]:
    """Read a part of ``catalog``, and beside it the part of ``lines`` that has the same rows."""
    part, lines = work
    rows = read_part(part, part_schema(part))
    return map(_not_measured, rows) if lines is None else _measured(rows, lines)


def _not_measured(batch: pa.RecordBatch) -> pa.RecordBatch:
    return _beside(batch, [pa.nulls(batch.num_rows, field.type) for field in BESIDE])


def _measured(rows: Iterator[pa.RecordBatch], lines: Location) -> Iterator[pa.RecordBatch]:
    columns = [ID, *STORED.values()]
    stored = open_part(lines).iter_batches(BATCH_ROWS, columns=columns)
    held = pa.schema([LINES.field(name) for name in columns]).empty_table()
    for batch in rows:
        while held.num_rows < batch.num_rows and (more := next(stored, None)) is not None:
            held = pa.concat_tables([held, pa.Table.from_batches([more])])
        found, held = held.slice(0, batch.num_rows), held.slice(batch.num_rows)
        ids, *values = (found[name].combine_chunks() for name in columns)
        if not ids.equals(batch[ID]):
            raise UserError(
                f"{lines} has other spectra than the table catalog: galspec verify tells the remedy"
            )
        yield _beside(batch, values)


def _beside(batch: pa.RecordBatch, values: list[pa.Array]) -> pa.RecordBatch:
    schema = pa.schema([*batch.schema, *BESIDE])
    return pa.RecordBatch.from_arrays([*batch.columns, *values], schema=schema)
