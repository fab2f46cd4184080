"""Parts of tables as Spark DataFrames, and back: tasks read and write them with pyarrow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from galspec_spark.warehouse.parts import PART, ROW, open_part, part_writer, partition_values
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from galspec_spark.worker import prepare_worker

#: Rows that a task reads at once.
BATCH_ROWS = 1000

Task = TypeVar("Task")


def read_table(spark: SparkSession, warehouse: Warehouse, name: str) -> DataFrame:
    """Open a table of a warehouse.

    Raises
    ------
    UserError
        If the table does not exist; the message names the job that makes it.
    """
    return scan(spark, warehouse.existing_parts(name))


def scan(
    spark: SparkSession,
    parts: Sequence[Location],
    columns: Sequence[str] | None = None,
    *,
    positions: bool = False,
) -> DataFrame:
    """Read columns of parts of one table.

    Parameters
    ----------
    parts
        At least one part.
    columns
        Names, including partition columns; None for all.
    positions
        Add ``part`` (the path) and ``row`` (within the part), which identify a row.
    """
    wanted = [f for f in part_schema(parts[0]) if columns is None or f.name in columns]
    if positions:
        wanted += [pa.field(PART, pa.string()), pa.field(ROW, pa.int64())]
    schema = pa.schema(wanted)
    return frame_of_tasks(
        spark, partial(read_part, schema=schema), parts, from_arrow_schema(schema)
    )


def part_schema(place: Location) -> pa.Schema:
    """Return the columns of a part, then its partition columns."""
    values = [pa.field(name, pa.string()) for name in partition_values(place)]
    return pa.schema([*open_part(place).schema_arrow, *values])


def read_part(place: Location, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Read columns of a part, partition columns and positions included, some rows at a time."""
    constants = {**partition_values(place), PART: place.path}
    part = open_part(place)
    names = [name for name in schema.names if name in part.schema_arrow.names]
    first = 0
    for batch in part.iter_batches(BATCH_ROWS, columns=names):
        columns = []
        for field in schema:
            if field.name in names:
                columns.append(batch[field.name])
            elif field.name == ROW:
                columns.append(pa.array(range(first, first + batch.num_rows), pa.int64()))
            else:
                columns.append(pa.repeat(constants[field.name], batch.num_rows))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        first += batch.num_rows


def frame_of_tasks(
    spark: SparkSession,
    work: Callable[[Task], Iterator[pa.RecordBatch]],
    tasks: Sequence[Task],
    schema: StructType | str,
) -> DataFrame:
    """Return the rows that tasks make, each task in a Spark task of its own.

    Wide rows that a task reads never pass Java: only the batches of `work` do.

    Parameters
    ----------
    work
        Yields record batches of the schema.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        prepare_worker()
        for numbers in batches:
            for number in numbers["id"].to_pylist():
                yield from work(tasks[number])

    return spark.range(0, len(tasks), 1, max(len(tasks), 1)).mapInArrow(run, schema)


def write_parts(frame: DataFrame, folder: Location) -> list[Location]:
    """Write a table as parts into a folder; return those of the successful attempts.

    A task's rows go through Python in batches; a task without rows writes no part. Files of failed
    or speculative attempts stay behind and are not returned.
    """
    schema = to_arrow_schema(frame.schema)

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        prepare_worker()
        place = folder / f"{os.urandom(8).hex()}.parquet"
        filled = (batch for batch in batches if batch.num_rows)
        first = next(filled, None)
        if first is None:  # Spark runs a task for an empty partition too
            return
        with part_writer(place, schema) as writer:
            for batch in chain([first], filled):
                writer.write_batch(batch.cast(schema))
        yield pa.RecordBatch.from_arrays([pa.array([place.path])], ["path"])

    rows = frame.mapInArrow(write, "path string").collect()
    return sorted(Location(row.path) for row in rows)
