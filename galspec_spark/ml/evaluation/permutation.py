"""What a model loses when one component is taken from it: permutation importance.

Breiman (2001, Machine Learning 45, 5): shuffle one feature among the test rows, predict again, and
see how far the scores drop. Unlike a forest's own importance it means the same for every model, and
is measured on rows that the model was not fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.evaluation.score_counts import ScoreCounts
from galspec_spark.ml.evaluation.scores import classification_scores, curves_of
from galspec_spark.spectrum.arrays import Doubles

#: Test rows used; more would tell little more, and every one is predicted once for each copy.
MAX_ROWS = 10_000
#: Values in memory at once on the driver: 32 MB.
MAX_VALUES = 4_000_000


def permutation_importance(
    model: Any,
    features_column: str,
    rows: DataFrame,
    components: Sequence[int],
    repeats: int = 5,
    seed: int = 1,
) -> list[dict[str, float]]:
    """Return how far scores of the AGN class drop when a component is shuffled.

    The driver shuffles, in copies of at most `MAX_ROWS` rows, as many at once as `MAX_VALUES`
    allows; Spark predicts and scores them.

    Parameters
    ----------
    model
        A fitted Spark classifier of two classes that reads `features_column`.
    rows
        Columns ``spectrum_id``, ``label`` (0 or 1) and the features (vector). Of more than
        `MAX_ROWS` those are taken whose identifiers come first by hash: always the same.
    components
        What each element of the vector is.

    Returns
    -------
    list of dict
        For each component in the given order: ``component``; ``f1_drop`` and ``pr_auc_drop``, the
        mean over the repeats of how far F1 and average precision of AGN fall; and ``f1_sd`` and
        ``pr_auc_sd``, their standard deviations over the repeats.
    """
    features, labels = _bounded(rows, features_column)
    copies = [(-1, 0), *product(range(len(components)), range(repeats))]
    scores: dict[tuple[int, int], Doubles] = {}
    for chunk in _chunks(copies, max(1, MAX_VALUES // features.size)):
        table = pa.concat_tables(
            _copy(features, labels, position, repeat, seed) for position, repeat in chunk
        )
        scores |= _scores(model, features_column, rows.sparkSession.createDataFrame(table))
    intact = scores[-1, 0]
    drops = {
        position: np.array([intact - scores[position, repeat] for repeat in range(repeats)])
        for position in range(len(components))
    }
    return [
        {
            "component": component,
            "f1_drop": float(drops[position][:, 0].mean()),
            "f1_sd": float(drops[position][:, 0].std()),
            "pr_auc_drop": float(drops[position][:, 1].mean()),
            "pr_auc_sd": float(drops[position][:, 1].std()),
        }
        for position, component in enumerate(components)
    ]


def _bounded(rows: DataFrame, features_column: str) -> tuple[Doubles, npt.NDArray[np.int32]]:
    """Return features (n, components) and labels (n,) of the first rows in the order of a hash."""
    table = (
        rows.orderBy(F.xxhash64("spectrum_id"), "spectrum_id")
        .limit(MAX_ROWS)
        .select(
            F.col("label").cast("int").alias("label"),
            vector_to_array(F.col(features_column)).alias("features"),
        )
        .toArrow()
        .combine_chunks()
    )
    labels = table["label"].to_numpy()
    values = table["features"].combine_chunks().flatten().to_numpy()
    if labels.min() == labels.max():
        raise ValueError("rows of one class only: there is no score that could drop")
    return values.reshape(len(labels), -1), labels


def _chunks(copies: Sequence[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    remaining = iter(copies)
    while chunk := list(islice(remaining, size)):
        yield chunk


def _copy(
    features: Doubles, labels: npt.NDArray[np.int32], position: int, repeat: int, seed: int
) -> pa.Table:
    """Return the rows with one feature shuffled; none at position -1."""
    values = features.copy()
    if position >= 0:
        random = np.random.default_rng([seed, position, repeat])
        values[:, position] = random.permutation(values[:, position])
    n, k = values.shape
    offsets = np.arange(0, n * k + 1, k, dtype=np.int32)
    return pa.table(
        {
            "position": np.full(n, position, np.int32),
            "repeat": np.full(n, repeat, np.int32),
            "label": labels,
            "values": pa.ListArray.from_arrays(offsets, values.ravel()),
        }
    )


def _scores(model: Any, features_column: str, copies: DataFrame) -> dict[tuple[int, int], Doubles]:
    """Return F1 and average precision of AGN of each copy."""
    predicted = model.transform(
        copies.withColumn(features_column, array_to_vector(F.col("values")))
    )
    scored = (
        predicted.select(
            "position",
            "repeat",
            "label",
            F.col(model.getPredictionCol()).alias("prediction"),
            vector_to_array(model.getRawPredictionCol())[1].alias("score"),
        )
        .groupBy("position", "repeat")
        .applyInArrow(_score_copy, "position int, repeat int, f1 double, pr_auc double")
    )
    return {(row.position, row.repeat): np.array([row.f1, row.pr_auc]) for row in scored.collect()}


def _score_copy(copy: pa.Table) -> pa.Table:
    labels, predictions, scores = (
        copy[name].to_numpy() for name in ("label", "prediction", "score")
    )
    cells = np.bincount(2 * labels + predictions.astype(int), minlength=4).reshape(2, 2)
    counts = ScoreCounts.of(scores, labels, 1 - labels)
    return pa.table(
        {
            "position": copy["position"][:1],
            "repeat": copy["repeat"][:1],
            "f1": pa.array([classification_scores(cells)["agn_f1"]], pa.float64()),
            "pr_auc": pa.array([curves_of(counts).pr_auc], pa.float64()),
        }
    )
