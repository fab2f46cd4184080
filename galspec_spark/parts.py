"""Parquet parts of tables: written and read by tasks with pyarrow, wherever they are.

Spark's row-wise writer is the slowest part of a job over wide rows, and its access to S3 needs a
connector that is not part of it. pyarrow needs neither.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from galspec_spark.errors import UserError
from galspec_spark.storage import Location

#: Columns that `scan` adds on request: where a row is.
PART, ROW = "part", "row"


class PartWriter(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
    """A part that is open for writing; what is wrong with it is told with its place.

    Floats are split by byte before zstd: 15 % smaller and faster to scan than the stock encoding.
    Pages carry checksums, so that a damaged one is an error and never a spectrum: 0.01 % larger, as
    fast.

    Raises
    ------
    UserError
        If it cannot be written, as where the disk is full.
    """

    def __init__(self, place: Location, schema: pa.Schema) -> None:
        self._told = partial(_telling, place, "write", "mend that and run the same command again")
        split: list[str] = []
        dictionary: list[str] = []
        for field in schema:
            nested = pa.types.is_list(field.type)
            value_type = field.type.value_type if nested else field.type
            column = f"{field.name}.list.element" if nested else field.name
            (split if pa.types.is_floating(value_type) else dictionary).append(column)
        with self._told():
            place.parent.make_folder()
            super().__init__(
                place.key,
                schema,
                **place.arrow,
                compression="zstd",
                use_byte_stream_split=split,
                use_dictionary=dictionary,
                write_page_checksum=True,
            )

    def write_table(self, *args: Any, **options: Any) -> None:
        """Write rows, as `pyarrow.parquet.ParquetWriter.write_table`; other ways lead here."""
        with self._told():
            super().write_table(*args, **options)

    def close(self) -> None:
        """Write the footer."""
        with self._told():
            super().close()


def part_writer(place: Location, schema: pa.Schema) -> PartWriter:
    """Open a Parquet file for a part of a table."""
    return PartWriter(place, schema)


class Part(pq.ParquetFile):  # type: ignore[misc]  # pyarrow has no types
    """A part that is open for reading; what is wrong with it is told with its place.

    Raises
    ------
    UserError
        If it cannot be opened or, on reading, where a page is not as it was written.
    """

    def __init__(self, place: Location) -> None:
        self._told = partial(_telling, place, "read", "jobs/verify.py tells the remedy")
        with self._told():
            super().__init__(place.key, **place.arrow, page_checksum_verification=True)

    def read(self, *args: Any, **options: Any) -> pa.Table:
        """Read all of it, as `pyarrow.parquet.ParquetFile.read`."""
        with self._told():
            return super().read(*args, **options)

    def read_row_group(self, *args: Any, **options: Any) -> pa.Table:
        """Read a row group, as `pyarrow.parquet.ParquetFile.read_row_group`."""
        with self._told():
            return super().read_row_group(*args, **options)

    def iter_batches(self, *args: Any, **options: Any) -> Iterator[pa.RecordBatch]:
        """Read in batches, as `pyarrow.parquet.ParquetFile.iter_batches`."""
        with self._told():
            yield from super().iter_batches(*args, **options)


@contextmanager
def _telling(place: Location, verb: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(
            f"cannot {verb} {place}: it is not there, or not where all machines of the cluster "
            "see it"
        ) from error
    except (OSError, pa.ArrowException) as error:
        number = getattr(error, "errno", None)
        cause = os.strerror(number) if number else str(error) or type(error).__name__
        raise UserError(f"cannot {verb} {place}: {cause.splitlines()[0]}; {remedy}") from error


def open_part(place: Location) -> Part:
    """Open a part for reading."""
    return Part(place)


def partition_values(place: Location) -> dict[str, str]:
    """Return the values that folders such as ``survey=sdss`` give to the rows of a part."""
    folders = PurePosixPath(place.path).parts[:-1]
    return {key: value for key, mark, value in (f.partition("=") for f in folders) if mark}


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
