"""Principal components of spectra with missing or noisy pixels, by a few passes over the rows.

Each pass improves mean and components by alternating least squares: the coefficients of every
spectrum given the components, then mean and components given the coefficients, pixel by pixel, both
weighted (Bailey 2012, PASP 124, 1015; with weights 0 and 1, Roweis 1998, NIPS 10, 626, and Connolly
and Szalay 1999, AJ 117, 2052). What a gap was filled with has no influence.

In the tasks
    Coefficients, and the sums of each pixel's normal equations: (k + 1)(k + 2) / 2 + k + 2 numbers
    a pixel, 5.3 MB for 2642 pixels and 20 components. They add up whatever the partitions.
On the driver
    The sums of all tasks, added up block by block in a shuffle, are solved. Components that leave
    out one fold each advance in the same pass, each with sums of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame

from galspec_spark.errors import UserError
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import BATCH_ROWS
from galspec_spark.ml.features.pixel_sums import PixelSums, Weighting, improved, pixel_weights
from galspec_spark.spectrum.arrays import Doubles, rows_of

#: Error of a pixel beside its noise, as a share of the flux: the calibration of SDSS's spectra is
#: good to about 5 % (Adelman-McCarthy et al. 2008, ApJS 175, 297), and no model is better.
CALIBRATION_ERROR = 0.05
#: Pixels that travel together: 0.5 MB for 20 components.
BLOCK_PIXELS = 256

_BLOCK = "estimate int, start int, task int, sums binary"


def fit_weighted(
    rows: DataFrame, starts: Sequence[Components], weighting: Weighting, passes: int
) -> list[Components]:
    """Improve components by weighted passes over the rows, one Spark job each.

    Parameters
    ----------
    rows
        Columns ``flux`` and ``ivar`` (array<float>) and ``fold`` (int), none null. Read once a
        pass: persist what is costly to compute.
    starts
        One for each fold and one for all, for example of the ordinary PCA. The f-th is improved
        with the rows whose fold is not f, the last with all rows.
    weighting
        ``mask``: 1 where there is information. ``ivar``: see `pixel_weights`.
    passes
        Ten suffice where a tenth of the pixels is missing.

    Returns
    -------
    list of Components
        As many as starts. Explained variance is the variance of the coefficients over the
        total variance of the good pixels: on complete, equally weighted data that of ordinary PCA.

    Raises
    ------
    UserError
        If there are no rows, or a good pixel is NaN or infinite.
    """
    errors = [CALIBRATION_ERROR * float(np.median(np.abs(start.mean))) for start in starts]
    components = list(starts)
    for _ in range(passes):
        sums = _pass(rows, components, weighting, errors)
        components = [improved(*pair) for pair in zip(sums, components, strict=True)]
    return components


def _pass(
    rows: DataFrame, components: Sequence[Components], weighting: Weighting, errors: Sequence[float]
) -> list[Doubles]:
    """Return the sums of each estimate's rows, of one Spark job."""

    def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _partial_sums(batches, components, weighting, errors)

    cores = rows.sparkSession.sparkContext.defaultParallelism
    # Each task sends a sum for each estimate: a few tasks a core, however many partitions.
    partial = rows.select("flux", "ivar", "fold").coalesce(2 * cores).mapInArrow(task, _BLOCK)
    by_block = partial.repartition(cores, "estimate", "start")
    in_order = by_block.sortWithinPartitions("estimate", "start", "task")
    return _assembled(in_order.mapInArrow(_summed, _BLOCK).toArrow().to_batches(), components)


def _partial_sums(
    batches: Iterator[pa.RecordBatch],
    components: Sequence[Components],
    weighting: Weighting,
    errors: Sequence[float],
) -> Iterator[pa.RecordBatch]:
    """Sum one task's rows for each estimate, then emit the sums block by block."""
    sums = [PixelSums(one) for one in components]
    last = len(sums) - 1
    for batch in batches:
        flux, ivar = rows_of(batch.column(0)), rows_of(batch.column(1))
        fold = batch.column(2).to_numpy()
        for start in range(0, len(flux), BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            for index, (estimate, error) in enumerate(zip(sums, errors, strict=True)):
                chosen = (fold[part] != index) | (index == last)
                weights = pixel_weights(ivar[part][chosen], weighting, error)
                estimate.add(flux[part][chosen], weights)
    context = TaskContext.get()
    assert context is not None
    for index, estimate in enumerate(sums):
        for first in range(0, len(estimate.values), BLOCK_PIXELS):
            block = estimate.values[first : first + BLOCK_PIXELS]
            yield _to_batch(index, first, context.partitionId(), block)


def _summed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sum blocks of the same pixels as they arrive: sorted, so that one is in memory at a time.

    The order of the tasks in the sum is always the same, and so is the last digit.
    """
    for (estimate, start), same in groupby(_blocks(batches), lambda block: block[:2]):
        yield _to_batch(estimate, start, 0, sum(values for *_, values in same))


def _assembled(batches: Any, components: Sequence[Components]) -> list[Doubles]:
    """Put the blocks of each estimate together, and check that there is something in them."""
    sums = [PixelSums(one).values for one in components]
    for estimate, start, values in _blocks(batches):
        block = sums[estimate][start : start + BLOCK_PIXELS]
        block += values.reshape(block.shape)
    for index, values in enumerate(sums):
        if not np.isfinite(values).all():
            raise UserError("NaN or infinite values in column flux: components need finite values")
        if not values[:, 0].any():
            which = "" if index == len(sums) - 1 else f" outside fold {index}"
            raise UserError(f"no rows with a good pixel{which}: nothing to find components of")
    return sums


def _to_batch(estimate: int, start: int, task: int, values: Any) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "estimate": pa.array([estimate], pa.int32()),
            "start": pa.array([start], pa.int32()),
            "task": pa.array([task], pa.int32()),
            "sums": pa.array([values.tobytes()], pa.binary()),
        }
    )


def _blocks(batches: Any) -> Iterator[tuple[int, int, Doubles]]:
    for batch in batches:
        for row in range(batch.num_rows):
            estimate, start, _, sums = (column[row] for column in batch.columns)
            yield estimate.as_py(), start.as_py(), np.frombuffer(sums.as_buffer())
