"""How well trained classifiers do on the test split: predictions, then every score of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.classifiers.settings import gives_probability
from galspec_spark.ml.evaluation.bins import round_edges, scores_by_bin
from galspec_spark.ml.evaluation.bootstrap import bootstrap_intervals
from galspec_spark.ml.evaluation.calibration import brier, probability, reliability
from galspec_spark.ml.evaluation.score_counts import score_counts
from galspec_spark.ml.evaluation.scores import Curves, classification_scores, confusion, curves_of
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.search import slicer

#: What is known of a test spectrum beside its predictions.
KNOWN = ("spectrum_id", "object_id", "label", "z", "sn_median")


def predict(trained: Sequence[Trained], test: DataFrame) -> DataFrame:
    """Apply all classifiers to the test split.

    Returns
    -------
    DataFrame
        `KNOWN`, and for classifier i ``prediction_i`` (the stock model's, 0 or 1), ``score_i``,
        ``probability_i`` (calibrated) and ``called_i`` (0 or 1, by the chosen threshold).
    """
    frame, columns = test, []
    for i, one in enumerate(trained):
        frame = slicer(one.components).setOutputCol(f"features_{i}").transform(frame)
        names = {name: f"{name}_of_{i}" for name in ("prediction", "rawPrediction", "probability")}
        model = one.model.copy().setFeaturesCol(f"features_{i}")
        for name, column in names.items():
            if model.hasParam(f"{name}Col"):
                model.set(model.getParam(f"{name}Col"), column)
        frame = model.transform(frame)
        ranks = names["probability" if gives_probability(one.classifier) else "rawPrediction"]
        score = vector_to_array(F.col(ranks))[1]
        calibrated = probability(one.calibration, score)
        columns += [
            F.col(names["prediction"]).alias(f"prediction_{i}"),
            score.alias(f"score_{i}"),
            calibrated.alias(f"probability_{i}"),
            (calibrated >= one.threshold.probability).cast("double").alias(f"called_{i}"),
        ]
    return frame.select(*KNOWN, *columns)


def evaluate(
    trained: Sequence[Trained], test: DataFrame, predictions: DataFrame, parallelism: int, seed: int
) -> tuple[list[dict[str, Any]], list[Curves]]:
    """Return each classifier's entry in ``results`` of ``metrics.json``, and its curves.

    Parameters
    ----------
    test, predictions
        Persisted; the latter of `predict`.
    parallelism
        Jobs that run at once.
    seed
        Of the bootstrap.
    """
    numbers = range(len(trained))
    decisions = [f"{kind}_{i}" for i in numbers for kind in ("prediction", "called")]
    intervals = bootstrap_intervals(predictions, decisions, seed=seed)
    timed = [_predict_alone(one, test) for one in trained]

    def result(i: int) -> tuple[dict[str, Any], Curves]:
        found, curves = _scores(trained[i], predictions, i)
        counts, seconds = timed[i]
        found |= {
            **classification_scores(counts),
            "confusion": counts.tolist(),
            "intervals": intervals[f"prediction_{i}"],
        }
        found["threshold"]["intervals"] = intervals[f"called_{i}"]
        found["seconds"]["predict"] = round(seconds, 3)
        return found, curves

    with ThreadPoolExecutor(parallelism) as pool:
        results = list(pool.map(result, numbers))
    return [found for found, _ in results], [curves for _, curves in results]


def evaluate_in_bins(predictions: DataFrame, models: int, rows: int) -> dict[str, Any]:
    """Return the scores in bins of redshift and S/N: ``bins`` of ``metrics.json``.

    In a bin, ``prediction_3`` has the scores of the fourth of ``results``.
    """
    columns = [f"prediction_{i}" for i in range(models)]
    return {
        name: scores_by_bin(predictions, name, columns, round_edges(predictions, name, rows))
        for name in ("z", "sn_median")
    }


def _predict_alone(one: Trained, test: DataFrame) -> tuple[Any, float]:
    """Return the confusion of the stock model, and how long it took with nothing beside it."""
    started = time.monotonic()
    counts = confusion(one.model.transform(slicer(one.components).transform(test)))
    return counts, time.monotonic() - started


def _scores(one: Trained, predictions: DataFrame, i: int) -> tuple[dict[str, Any], Curves]:
    called = confusion(predictions, f"called_{i}")
    rows = int(called.sum())
    scored = predictions.select("label", "object_id", F.col(f"score_{i}").alias("score"))
    counts = score_counts(scored, rows)
    calibrated = one.calibration.counts(counts)
    curves = curves_of(counts)
    pooled = one.trial.pooled
    is_probability = gives_probability(one.classifier)
    return {
        "classifier": one.classifier,
        "features": one.features.name,
        "components": one.components,
        "roc_auc": curves.roc_auc,
        "pr_auc": curves.pr_auc,
        "hyperparameters": one.trial.classifier.hyperparameters(one.trial.point),
        "cv_f1": pooled["f1"],
        "cv_agn_f1": pooled["agn_f1"],
        "cv_mcc": pooled["mcc"],
        "calibration": {
            "method": one.calibration.method,
            **brier(calibrated),
            "brier_uncalibrated": brier(counts)["brier"] if is_probability else None,
            "reliability": reliability(calibrated),
        },
        "threshold": {**asdict(one.threshold), "test": classification_scores(called)},
        "seconds": {
            "search": round(one.search_seconds, 3),
            "fit": round(one.fit_seconds, 3),
        },
    }, curves
