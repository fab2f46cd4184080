"""Moments of spectra on Spark: block Gram matrices, multiplied by numpy and summed in one pass.

In the tasks
    One pass over the rows. A task keeps one scatter matrix for each fold (56 MB for 2642 pixels)
    and emits them in row blocks, which are shuffled by fold and place and summed as they stream in.
On the driver
    One sum for each fold is collected; on one or two cores the tasks' own, without the shuffle.

So neither a worker nor the driver holds more than a matrix a fold, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import groupby

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.ml.features.moments import BLOCK_ROWS, Block, FoldMoments, Moments, assemble
from galspec_spark.spectrum.arrays import rows_of
from galspec_spark.warehouse.frames import map_parts
from galspec_spark.warehouse.storage import Location

#: Of so many tasks the driver adds up the sums: a shuffle would cost more than it saves.
FEW_TASKS = 2

PLACE = ("fold", "start")
_BLOCK = "fold int, start int, task int, count long, mean binary, scatter binary"


def fold_moments(spark: SparkSession, parts: Sequence[Location]) -> dict[int, Moments]:
    """Return the moments of the flux of each fold of the training split, by fold.

    Parameters
    ----------
    parts
        Of the table ``restframe``: spectra without a fold do not count.
    """
    partial = map_parts(spark, parts, ["flux", "fold"], _partial_blocks, _BLOCK)
    return _summed(partial, "flux")


def column_moments(dataset: DataFrame, column: str) -> Moments:
    """Return the moments of a column of arrays or vectors.

    Raises
    ------
    UserError
        If there are no rows, or a value is NaN or infinite.
    """
    is_vector = isinstance(dataset.schema[column].dataType, VectorUDT)
    spectrum = vector_to_array(F.col(column)) if is_vector else F.col(column)
    rows = dataset.select(spectrum.alias("flux"), F.lit(0).alias("fold"))
    # Each task sends a whole matrix: one a core, however many partitions the table has.
    cores = rows.sparkSession.sparkContext.defaultParallelism
    return _summed(rows.coalesce(cores).mapInArrow(_partial_blocks, _BLOCK), column)[0]


def _summed(partial: DataFrame, column: str) -> dict[int, Moments]:
    cores = partial.sparkSession.sparkContext.defaultParallelism
    if cores <= FEW_TASKS:
        blocks = _sums(_blocks(_in_order(partial.toArrow())))
    else:
        by_place = partial.repartition(cores, *PLACE).sortWithinPartitions(*PLACE, "task")
        summed = by_place.mapInArrow(_summed_batches, _BLOCK)
        blocks = _blocks(summed.toArrow().to_batches())
    moments = assemble(blocks)
    if not moments:
        raise UserError(f"no rows in column {column}: there is nothing to find components of")
    if not all(np.isfinite(one.mean).all() for one in moments.values()):
        raise UserError(f"NaN or infinite values in column {column}: components need finite values")
    return moments


def _partial_blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sum one task's rows by fold, then emit the sums block by block."""
    moments = FoldMoments()
    for batch in batches:
        fold = batch["fold"].to_numpy(zero_copy_only=False)  # NaN where there is none
        for number in np.unique(fold[np.isfinite(fold)]).astype(int).tolist():
            moments.add(number, rows_of(batch["flux"].filter(pa.array(fold == number))))
    context = TaskContext.get()
    assert context is not None
    for block in moments.blocks():
        yield _to_batch(block, context.partitionId())


def _summed_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from map(_to_batch, _sums(_blocks(batches)))


def _sums(blocks: Iterable[Block]) -> Iterator[Block]:
    """Sum blocks of the same place as they arrive: sorted, so that one is in memory at a time.

    The order of the tasks in the sum is always the same, and so is the last digit.
    """
    for _, same in groupby(blocks, lambda block: (block.fold, block.start)):
        yield reduce(Block.merge, same)


def _in_order(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Return the rows one by one, sorted by place and task without a copy."""
    keys = zip(*(table[name].to_pylist() for name in (*PLACE, "task")), strict=True)
    for _, row in sorted(zip(keys, range(table.num_rows), strict=True)):
        yield from table.slice(row, 1).to_batches()


def _to_batch(block: Block, task: int = 0) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "fold": pa.array([block.fold], pa.int32()),
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
            fold, start, _, count, mean, scatter = (column[row] for column in batch.columns)
            means = np.frombuffer(mean.as_buffer()).copy()
            sums = np.frombuffer(scatter.as_buffer())
            rows = min(BLOCK_ROWS, len(means) - start.as_py())
            yield Block(
                fold.as_py(), start.as_py(), count.as_py(), means, sums.reshape(rows, -1).copy()
            )
