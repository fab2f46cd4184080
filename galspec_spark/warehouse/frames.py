"""Parts of tables as Spark DataFrames, and back: tasks read and write them with pyarrow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from galspec_spark.warehouse.parts import PART, ROW, open_part, part_writer, partition_values
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse


def read_table(spark: SparkSession, warehouse: Warehouse, name: str) -> DataFrame:
    """Open a table of a warehouse.

    Raises
    ------
    UserError
        If the table is not there; the message names the job that makes it.
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
        At least one.
    columns
        Their names, partition columns among them; None for all.
    positions
        Add ``part`` (the path) and ``row`` (within the part), which name a row.
    """
    stored = open_part(parts[0]).schema_arrow
    fields = [*stored, *(pa.field(name, pa.string()) for name in partition_values(parts[0]))]
    wanted = [f for f in fields if columns is None or f.name in columns]
    if positions:
        wanted += [pa.field(PART, pa.string()), pa.field(ROW, pa.int64())]
    schema = pa.schema(wanted)
    names = [field.name for field in schema if field.name in stored.names]

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for numbers in batches:
            for number in numbers["id"].to_pylist():
                yield from _read_part(parts[number], names, schema)

    numbers = spark.range(0, len(parts), 1, len(parts))
    return numbers.mapInArrow(read, from_arrow_schema(schema))


def _read_part(place: Location, names: list[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    constants = {**partition_values(place), PART: place.path}
    first = 0
    for batch in open_part(place).iter_batches(1000, columns=names):
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


def map_parts(
    spark: SparkSession,
    parts: Sequence[Location],
    columns: Sequence[str],
    work: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]],
    schema: StructType | str,
) -> DataFrame:
    """Work through stored columns of parts in tasks that read them themselves.

    Wide rows never pass the JVM: only what `work` makes of them does. There are as many tasks as
    cores, each with its share of the row groups, so few large parts occupy all cores too.

    Parameters
    ----------
    work
        Gets the record batches of a task, at most 1000 rows each, and yields its results.
    schema
        Of the results.
    """
    tasks = spark.sparkContext.defaultParallelism
    slices = -(-tasks // len(parts))  # of each part, so that no task goes without

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for numbers in batches:
            for number in numbers["id"].to_pylist():
                part = open_part(parts[number // slices])
                groups = range(number % slices, part.num_row_groups, slices)
                yield from part.iter_batches(1000, list(groups), columns)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return work(read(batches))

    numbers = spark.range(0, len(parts) * slices, 1, tasks)
    return numbers.mapInArrow(run, schema)


def write_parts(frame: DataFrame, folder: Location, by: str | None = None) -> list[Location]:
    """Write a table as parts into a folder; return those of the successful attempts.

    A task's rows go through Python in batches; what failed or speculative attempts wrote stays
    behind and is not returned.

    Parameters
    ----------
    by
        A column by whose values the table is partitioned: each value gets a part of its own.
    """
    schema = to_arrow_schema(frame.schema)

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        writers: dict[Any, tuple[Location, pq.ParquetWriter]] = {}
        for batch in batches:
            for value, rows in _divided(batch, by):
                if value not in writers:
                    place = folder / f"{os.urandom(8).hex()}.parquet"
                    writers[value] = place, part_writer(place, schema)
                writers[value][1].write_batch(rows.cast(schema))
        for place, writer in writers.values():
            writer.close()
            yield pa.RecordBatch.from_arrays([pa.array([place.path])], ["path"])

    rows = frame.mapInArrow(write, "path string").collect()
    return sorted(Location(row.path) for row in rows)


def _divided(batch: pa.RecordBatch, by: str | None) -> Iterator[tuple[Any, pa.RecordBatch]]:
    if by is None:
        yield None, batch
        return
    for value in batch[by].unique():
        yield value.as_py(), batch.filter(pc.equal(batch[by], value))


def settle(frame: DataFrame, folder: Location) -> DataFrame:
    """Write a narrow intermediate result and read it back.

    What follows starts from the files: nothing is computed twice, a lost executor loses nothing.
    """
    parts = write_parts(frame, folder)
    if not parts:
        return frame.sparkSession.createDataFrame([], frame.schema)
    return scan(frame.sparkSession, parts)
