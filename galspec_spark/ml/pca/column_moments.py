"""Moments of a column of any DataFrame: block Gram matrices, multiplied by numpy in one pass.

A task keeps one scatter matrix (56 MB for 2642 pixels). It has no folder to write to, so it emits
the matrix in row blocks of at most 5 MB. Blocks are shuffled by place, and summed as they arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import groupby

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.pca.moments import BLOCK_ROWS, Block, FoldMoments, Moments, assemble, checked
from galspec_spark.ml.pca.partial_sums import FEW_TASKS
from galspec_spark.spectrum.arrays import rows_of

_BLOCK = "start int, task int, count long, mean binary, scatter binary"


def column_moments(dataset: DataFrame, column: str) -> Moments:
    """Return the moments of a column of arrays or vectors.

    Raises
    ------
    UserError
        If there are no rows, or a value is NaN or infinite.
    """
    is_vector = isinstance(dataset.schema[column].dataType, VectorUDT)
    spectrum = vector_to_array(F.col(column)) if is_vector else F.col(column)
    rows = dataset.select(spectrum.alias("flux"))
    # Each task sends a whole matrix: one task per core, however many partitions the table has.
    cores = rows.sparkSession.sparkContext.defaultParallelism
    emitted = rows.coalesce(cores).mapInArrow(_partial_blocks, _BLOCK)
    if cores <= FEW_TASKS:
        blocks = _sums(_blocks(_in_order(emitted.toArrow())))
    else:
        by_place = emitted.repartition(cores, "start").sortWithinPartitions("start", "task")
        blocks = _blocks(by_place.mapInArrow(_summed_batches, _BLOCK).toArrow().to_batches())
    return checked(assemble(blocks), column)[0]


def _partial_blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sum one task's rows, then emit the sums block by block."""
    moments = FoldMoments()
    for batch in batches:
        if batch.num_rows:
            moments.add(0, rows_of(batch["flux"]))
    context = TaskContext.get()
    assert context is not None
    for total in moments.finished().values():
        for block in total.blocks():
            yield _to_batch(block, context.partitionId())


def _summed_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from map(_to_batch, _sums(_blocks(batches)))


def _sums(blocks: Iterable[Block]) -> Iterator[Block]:
    """Sum blocks of the same place as they arrive, sorted, with one block in memory at a time.

    Tasks are always summed in the same order, so the last digit is always the same.
    """
    for _, same in groupby(blocks, lambda block: block.start):
        yield reduce(Block.merge, same)


def _in_order(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield the rows one by one, sorted by place and task without a copy."""
    keys = zip(*(table[name].to_pylist() for name in ("start", "task")), strict=True)
    for _, row in sorted(zip(keys, range(table.num_rows), strict=True)):
        yield from table.slice(row, 1).to_batches()


def _to_batch(block: Block, task: int = 0) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "start": pa.array([block.start], pa.int32()),
            "task": pa.array([task], pa.int32()),
            "count": pa.array([block.count], pa.int64()),
            "mean": pa.array([block.mean.tobytes()], pa.binary()),
            "scatter": pa.array([block.scatter.tobytes()], pa.binary()),
        }
    )


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[Block]:
    for batch in batches:
        for row in range(batch.num_rows):
            start, _, count, mean, scatter = (column[row] for column in batch.columns)
            means = np.frombuffer(mean.as_buffer()).copy()
            sums = np.frombuffer(scatter.as_buffer())
            rows = min(BLOCK_ROWS, len(means) - start.as_py())
            yield Block(start.as_py(), count.as_py(), means, sums.reshape(rows, -1).copy())
