"""Moments of spectra on Spark: block Gram matrices, multiplied by numpy and summed in one pass.

In the tasks
    One pass over the rows. A task keeps one scatter matrix for each fold (56 MB for 2642 pixels).
    The sums of the spectra of a warehouse go by files, so that no matrix passes Java. Those of any
    other table, which has no folder to write to, are emitted in row blocks of at most 5 MB, which
    are shuffled by place and summed as they stream in.
On the driver
    One sum for each fold.

So neither a worker nor the driver holds more than a matrix a fold, whatever the number of rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import TaskContext
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.features.labelled import LabelledSpectra
from galspec_spark.ml.features.moments import BLOCK_ROWS, Block, FoldMoments, Moments, assemble
from galspec_spark.ml.features.partial_sums import FEW_TASKS, Addition, add_up
from galspec_spark.spectrum.arrays import rows_of
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location

ADDITION = Addition(Moments.load, lambda place, moments: moments.save(place), Moments.plus)
_BLOCK = "start int, task int, count long, mean binary, scatter binary"


def fold_moments(
    spark: SparkSession, spectra: LabelledSpectra, scratch: Location
) -> dict[int, Moments]:
    """Return the moments of the flux of each fold of the training split, by fold.

    Parameters
    ----------
    scratch
        Folder for the sums of the tasks, which all machines see.

    Raises
    ------
    UserError
        If there are no rows, or a value is NaN or infinite.
    """
    task = partial(_fold_sums, spectra=spectra, scratch=scratch)
    found = run_tasks(spark, task, spectra.tasks)
    return _checked(add_up(spark, found, ADDITION, scratch), "flux")


def _fold_sums(
    task: Sequence[Slice], spectra: LabelledSpectra, scratch: Location
) -> dict[int, Location]:
    """Sum one task's spectra by fold; return the files with the sums."""
    moments = FoldMoments()
    for rows, flux, _ in spectra.read(task, ["fold"]):
        fold = pc.fill_null(rows["fold"], -1).to_numpy()
        for number in np.unique(fold[fold >= 0]).tolist():
            moments.add(number, flux[fold == number])
    places = {}
    for number, of_fold in moments.finished().items():
        places[number] = scratch / f"moments-{number}-{os.urandom(4).hex()}.npz"
        of_fold.save(places[number])
    return places


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
    # Each task sends a whole matrix: one a core, however many partitions the table has.
    cores = rows.sparkSession.sparkContext.defaultParallelism
    emitted = rows.coalesce(cores).mapInArrow(_partial_blocks, _BLOCK)
    if cores <= FEW_TASKS:
        blocks = _sums(_blocks(_in_order(emitted.toArrow())))
    else:
        by_place = emitted.repartition(cores, "start").sortWithinPartitions("start", "task")
        blocks = _blocks(by_place.mapInArrow(_summed_batches, _BLOCK).toArrow().to_batches())
    return _checked(assemble(blocks), column)[0]


def _checked(moments: dict[int, Moments], column: str) -> dict[int, Moments]:
    if not moments:
        raise UserError(f"no rows in column {column}: there is nothing to find components of")
    if not all(np.isfinite(of_fold.mean).all() for of_fold in moments.values()):
        raise UserError(f"NaN or infinite values in column {column}: components need finite values")
    return moments


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
    """Sum blocks of the same place as they arrive: sorted, so that one is in memory at a time.

    The order of the tasks in the sum is always the same, and so is the last digit.
    """
    for _, same in groupby(blocks, lambda block: block.start):
        yield reduce(Block.merge, same)


def _in_order(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Return the rows one by one, sorted by place and task without a copy."""
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
