"""Scores of trained classifiers on the test split: predictions, then every score of them.

The predictions come to the driver once, as an Arrow table: 10 million rows of 6 classifiers take
2 GB there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from galspec_spark.labels import Classes, Counts
from galspec_spark.ml.evaluation.bins import round_edges, scores_by_bin
from galspec_spark.ml.evaluation.bootstrap import SCORES, Intervals, bootstrap_intervals
from galspec_spark.ml.evaluation.calibration import brier, reliability
from galspec_spark.ml.evaluation.decisions import called, of_agn, probabilities
from galspec_spark.ml.evaluation.scores import (
    Curves,
    classification_scores,
    confusion,
    curves,
    scores_by_class,
)
from galspec_spark.ml.evaluation.set_scores import score_sets
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.labelled.features import ALL_FEATURES
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.fits import predictions
from galspec_spark.spectrum.arrays import Doubles, lists_of, rows_of

#: Known columns of a test spectrum, besides its predictions.
KNOWN = ("spectrum_id", "object_id", "label", "z", "sn_median", RECONSTRUCTION_ERROR)

#: What a classifier says of a spectrum; the last only of more than two classes.
PREDICTED = ("prediction", "score", "probability", "called", "probabilities")


def predict(
    trained: Sequence[Trained], tests: Mapping[str, pa.Table]
) -> tuple[pa.Table, list[float]]:
    """Apply all classifiers to the test split, one after another.

    Parameters
    ----------
    tests
        By kind of features: `KNOWN` and ``all_features`` of the test split, in the same order.

    Returns
    -------
    predictions : pa.Table
        `KNOWN`, and for classifier i the labels ``prediction_i`` (the stock model's) and
        ``called_i`` (by the chosen threshold), ``score_i`` and ``probability_i`` (calibrated) of
        AGN, and with more than two classes ``probabilities_i`` of each.
    seconds : list of float
        Time of each classifier.
    """
    predicted, seconds = next(iter(tests.values())).select(list(KNOWN)), []
    for i, model in enumerate(trained):
        features = features_of(tests[model.features.kind])
        started = time.monotonic()
        scores = model.scorer.score(features[:, model.selected])
        seconds.append(time.monotonic() - started)
        params = model.trial.params
        found = probabilities(scores, model.calibration, model.other_calibrations)
        columns = {
            "prediction": pa.array(predictions(scores, params)),
            "score": pa.array(of_agn(scores)),
            "probability": pa.array(of_agn(found)),
            "called": pa.array(called(found, model.threshold.probability)),
        }
        if found.ndim == 2:
            columns["probabilities"] = lists_of(found)
        for name, values in columns.items():
            predicted = predicted.append_column(f"{name}_{i}", values)
    return predicted, seconds


def features_of(rows: pa.Table, column: str = ALL_FEATURES) -> Doubles:
    """Return a column of lists as a matrix (n, d)."""
    return rows_of(rows[column].combine_chunks()).astype(np.float64, copy=False)


def evaluate(
    trained: Sequence[Trained],
    predictions: pa.Table,
    seconds: Sequence[float],
    classes: Classes,
    seed: int,
) -> tuple[list[dict[str, Any]], list[Curves]]:
    """Return each classifier's entry in ``results`` of ``metrics.json``, and its curves.

    Parameters
    ----------
    predictions, seconds
        From `predict`.
    seed
        Seed of the bootstrap.
    """
    decisions = [f"{kind}_{i}" for i in range(len(trained)) for kind in ("prediction", "called")]
    intervals = bootstrap_intervals(predictions, decisions, len(classes), seed=seed)
    found = [
        _evaluated(model, predictions, i, intervals, seconds[i], classes)
        for i, model in enumerate(trained)
    ]
    return [result for result, _ in found], [curve for _, curve in found]


def evaluate_in_bins(predictions: pa.Table, models: int, k: int) -> dict[str, Any]:
    """Return the scores in bins of redshift and S/N: ``bins`` of ``metrics.json``.

    In a bin, ``prediction_3`` holds the scores of the fourth of ``results``.
    """
    columns = [f"prediction_{i}" for i in range(models)]
    return {
        name: scores_by_bin(predictions, name, columns, round_edges(predictions[name]), k)
        for name in ("z", "sn_median")
    }


def _evaluated(
    model: Trained,
    predictions: pa.Table,
    i: int,
    intervals: dict[str, Intervals],
    seconds: float,
    classes: Classes,
) -> tuple[dict[str, Any], Curves]:
    labels, predicted, score, probability, decided = (
        predictions[name].to_numpy()
        for name in ("label", f"prediction_{i}", f"score_{i}", f"probability_{i}", f"called_{i}")
    )
    k = len(classes)
    at_threshold = confusion(labels, decided, k)
    is_agn = (labels == classes.positive).astype(np.int8)
    found, counts = curves(is_agn, score), confusion(labels, predicted, k)
    pooled = model.trial.pooled
    is_probability = model.trial.kind.gives_probability
    return {
        "classifier": model.classifier,
        "kind": model.features.kind,
        "features": model.features.name,
        "selected": model.selected,
        **classification_scores(counts),
        "confusion": counts.tolist(),
        "by_class": _by_class(counts, intervals[f"prediction_{i}"], classes),
        "intervals": _named(intervals[f"prediction_{i}"]),
        "roc_auc": found.roc_auc,
        "pr_auc": found.pr_auc,
        "hyperparameters": model.trial.hyperparameters,
        "cv_f1": pooled["f1"],
        "cv_agn_f1": pooled["agn_f1"],
        "cv_mcc": pooled["mcc"],
        "calibration": {
            "method": model.calibration.method,
            **brier(is_agn, probability),
            "brier_uncalibrated": brier(is_agn, score)["brier"] if is_probability else None,
            "reliability": reliability(is_agn, probability),
        },
        "threshold": {
            **asdict(model.threshold),
            "confusion": at_threshold.tolist(),
            "test": classification_scores(at_threshold),
            "intervals": _named(intervals[f"called_{i}"]),
        },
        "prediction_sets": score_sets(
            labels,
            probability if k == 2 else features_of(predictions, f"probabilities_{i}"),
            predictions["sn_median"],
            model.prediction_sets,
            model.marginal_sets,
            classes,
        ),
        "seconds": {
            "search": round(model.search_seconds, 3),
            "fit": round(model.fit_seconds, 3),
            "predict": round(seconds, 3),
        },
    }, found


def _by_class(counts: Counts, intervals: Intervals, classes: Classes) -> dict[str, dict[str, Any]]:
    """Return the scores of each class, None where undefined."""
    scores = scores_by_class(counts)
    return {
        name: {
            "spectra": int(counts[label].sum()),
            **{
                key: None if np.isnan(each[label]) else float(each[label])
                for key, each in scores.items()
            },
            "f1_interval": intervals[f"f1_of_{label}"],
        }
        for label, name in enumerate(classes.names)
    }


def _named(intervals: Intervals) -> Intervals:
    """Return the intervals of the scores that have a name."""
    return {name: intervals[name] for name in SCORES}
