"""Slices: what one task of a pass over the pixels reads, a run of row groups of one part.

A task opens its part with pyarrow and reads small batches, so no pixel passes the JVM and memory is
bounded by a row group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Row, SparkSession

from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.warehouse.parts import PART, ROW, open_part
from galspec_spark.warehouse.storage import Location

PIXEL_COLUMNS = ("flux", "ivar", "and_mask", "loglam0", "z")
#: Spectra read at once: arrays of 1.4 MB each, of which a processor's cache holds several.
BATCH = 128


def slice_count(spark: SparkSession, parts: Sequence[Location]) -> int:
    """Return into how many slices parts are cut: each into as many, at least one for each core."""
    return len(parts) * -(-spark.sparkContext.defaultParallelism // len(parts))


def row_groups_of_slice(number: int, slices: int, file: pq.ParquetFile) -> range:
    """Return the row groups of a slice of a part that is cut into so many."""
    place = number % slices
    return range(file.num_row_groups * place // slices, file.num_row_groups * (place + 1) // slices)


def run_tasks(
    spark: SparkSession, count: int, task: Callable[[int], dict[str, Any]], schema: str
) -> list[Row]:
    """Run a Spark task for each number below `count`; return the one row that each gives."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _keep_freed_memory()
        for numbers in batches:
            for number in numbers["id"].to_pylist():
                yield pa.RecordBatch.from_pylist([task(number)])

    return spark.range(0, count, 1, count).mapInArrow(run, schema).collect()


def _keep_freed_memory() -> None:
    """Let glibc reuse the memory of freed arrays instead of returning it to the system each time.

    It keeps twice the size of the largest block freed so far, if that had 32 MB at most: see
    M_MMAP_THRESHOLD in mallopt(3). Without, new pages double the time that moving a batch takes.
    """
    np.empty(31 << 20, np.uint8)


def read_batches(
    file: pq.ParquetFile, group: int, columns: Iterable[str]
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Read a row group; give each batch with the number of its first row in the part."""
    first = _starts(file)[group]
    # Other tasks keep the other cores busy.
    for batch in file.iter_batches(BATCH, [group], list(columns), use_threads=False):
        yield first, batch
        first += batch.num_rows


def pixels_of(rows: pa.Table) -> Iterator[Iterator[tuple[pa.Table, ObservedBatch]]]:
    """Read the pixels of rows of one slice.

    Yields
    ------
    Iterator
        For each row group that holds some of the rows: batches of rows, in the order of the part,
        with their pixels.
    """
    if not rows.num_rows:
        return
    rows = rows.sort_by(ROW)
    file = open_part(Location(rows[PART][0].as_py()))
    for group, (first, end) in enumerate(pairwise(_starts(file))):
        here = _between(rows, first, end)
        if here.num_rows:
            yield _with_pixels(here, read_batches(file, group, PIXEL_COLUMNS))


def _with_pixels(
    rows: pa.Table, batches: Iterator[tuple[int, pa.RecordBatch]]
) -> Iterator[tuple[pa.Table, ObservedBatch]]:
    for first, batch in batches:
        here = _between(rows, first, first + batch.num_rows)
        yield here, ObservedBatch.from_arrow(batch).take(here[ROW].to_numpy() - first)


def _between(rows: pa.Table, first: int, end: int) -> pa.Table:
    """Return the rows, which are in order, that lie in a range of the part."""
    low, high = np.searchsorted(rows[ROW].to_numpy(), [first, end])
    return rows.slice(low, high - low)


def _starts(file: pq.ParquetFile) -> list[int]:
    """Return the first row of each row group, and the end of the last one."""
    groups = range(file.num_row_groups)
    sizes = (file.metadata.row_group(group).num_rows for group in groups)
    return list(accumulate(sizes, initial=0))
