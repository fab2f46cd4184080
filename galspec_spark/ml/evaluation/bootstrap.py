"""Confidence intervals of scores, by a bootstrap over objects.

The spectra of one object are alike, so what is drawn with replacement are objects, not spectra. In
a Poisson bootstrap (Chamandy et al. 2012, "Estimating uncertainty for massive data streams",
Google) each object counts a Poisson(1) number of times in a replicate, on its own, whereas in the
usual bootstrap these numbers have a fixed sum. A weight that comes from a hash of object and
replicate needs no shuffle, and is the same in whichever partition a spectrum of the object is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.evaluation.scores import score_arrays

#: The scores that get an interval.
SCORES = (
    "precision", "recall", "f1", "agn_precision", "agn_recall", "agn_f1",
    "balanced_accuracy", "mcc",
)  # fmt: skip

#: Rows whose weights are in memory at once: 1 MB for 1000 replicates, so that caches hold them.
BLOCK_ROWS = 256

#: splitmix64's constants (Steele, Lea and Flood 2014, OOPSLA, "Fast splittable pseudorandom number
#: generators").
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

Hashes = npt.NDArray[np.uint64]
Intervals = dict[str, list[float] | None]


def bootstrap_intervals(
    predictions: DataFrame,
    prediction_columns: Sequence[str],
    replicates: int = 1000,
    seed: int = 1,
    probability: float = 0.95,
) -> dict[str, Intervals]:
    """Return percentile intervals of the scores of one or several models.

    One pass: each task adds up the four cells of each replicate's confusion matrix, for all models,
    and sends that sum to the driver. The same objects are drawn for all models.

    Parameters
    ----------
    predictions
        Columns ``object_id``, ``label`` (0 or 1) and each of the `prediction_columns` (0 or 1).
    probability
        Of the interval to cover the true score.

    Returns
    -------
    dict
        For each prediction column and each of `SCORES`: lower and upper end. Replicates in which a
        score is not defined (no AGN was drawn) are left out; None if it is defined in none.
    """
    cores = predictions.sparkSession.sparkContext.defaultParallelism
    models = len(prediction_columns)
    cells = [  # which of the confusion matrix's four cells, in the order of its bytes
        (2 * F.col("label") + F.col(column)).cast("int").alias(f"cell_{i}")
        for i, column in enumerate(prediction_columns)
    ]

    def sums(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = np.zeros((models, replicates, 4), np.int64)
        for batch in batches:
            total += replicate_counts(batch, replicates, seed)
        yield pa.record_batch({"counts": pa.array([total.tobytes()], pa.binary())})

    rows = (
        predictions.select(F.xxhash64("object_id").alias("object"), *cells)
        .coalesce(2 * cores)
        .mapInArrow(sums, "counts binary")
        .collect()
    )
    counts = np.sum([np.frombuffer(row.counts, np.int64) for row in rows], axis=0)
    of_models = counts.reshape(models, replicates, 2, 2)
    return {
        column: _intervals(of_one, probability)
        for column, of_one in zip(prediction_columns, of_models, strict=True)
    }


def replicate_counts(batch: pa.RecordBatch, replicates: int, seed: int) -> npt.NDArray[np.int64]:
    """Count confusion cells of each model in each replicate.

    Parameters
    ----------
    batch
        The objects' hashes (int64), then a column for each model: 2 * label + prediction.

    Returns
    -------
    int64, shape (models, replicates, 4)
    """
    objects = batch.column(0).to_numpy().view(np.uint64)
    cells = np.stack([column.to_numpy() for column in batch.columns[1:]])
    total = np.zeros((len(cells) * 4, replicates), np.int64)
    for start in range(0, len(objects), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        in_cell = (cells[:, None, block] == np.arange(4)[:, None]).reshape(len(total), -1)
        drawn = in_cell.astype(np.float32) @ weights(objects[block], replicates, seed)
        total += drawn.astype(np.int64)  # exact: sums of 256 small integers
    return total.reshape(len(cells), 4, replicates).transpose(0, 2, 1)


def weights(objects: Hashes, replicates: int, seed: int) -> npt.NDArray[np.float32]:
    """Draw how often objects count in replicates: Poisson numbers of mean 1.

    Parameters
    ----------
    objects
        Hashes of the objects, shape (n,).

    Returns
    -------
    float32, shape (n, replicates)
        Depends on the object's hash, the replicate's number and the seed only.
    """
    state = _mixed(objects ^ _mixed(np.full(1, seed, np.uint64)))
    step = np.arange(1, -(-replicates // 4) + 1, dtype=np.uint64) * _GAMMA
    bits = _mixed(state[:, None] + step)  # four draws from each number
    return np.take(_POISSON, bits.view(np.uint16)[:, :replicates])


def _mixed(values: Hashes) -> Hashes:
    """Return splitmix64's output for these states."""
    first, second = _FACTORS
    values = (values ^ (values >> np.uint64(30))) * first
    values = (values ^ (values >> np.uint64(27))) * second
    return values ^ (values >> np.uint64(31))


def _poisson_table() -> npt.NDArray[np.float32]:
    """Return the Poisson number of each of 2^16 equally likely draws."""
    cumulative = np.cumsum([math.exp(-1) / math.factorial(number) for number in range(20)])
    draws = (np.arange(2**16) + 0.5) / 2**16
    return np.searchsorted(cumulative, draws).astype(np.float32)


_POISSON = _poisson_table()


def _intervals(counts: npt.NDArray[np.int64], probability: float) -> Intervals:
    tail = (1 - probability) / 2
    intervals: Intervals = {}
    scores = score_arrays(counts)
    for name in SCORES:
        defined = scores[name][~np.isnan(scores[name])]
        ends = np.quantile(defined, [tail, 1 - tail]).tolist() if defined.size else None
        intervals[name] = ends
    return intervals
