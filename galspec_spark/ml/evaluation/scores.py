"""Scores of predictions: confusion, precision, recall, F1, MCC, ROC and precision-recall.

An undefined score (the precision of a class that was never predicted, the ROC of a single class)
is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galspec_spark.labels import Counts
from galspec_spark.spectrum.arrays import Doubles

#: Points kept of a curve: more than the pixels across a figure.
CURVE_POINTS = 2000


def confusion(labels: npt.ArrayLike, predictions: npt.ArrayLike, k: int) -> Counts:
    """Count spectra by true class (rows) and predicted class (columns) of k classes."""
    cells = k * np.asarray(labels, np.int64) + np.asarray(predictions, np.int64)
    return np.bincount(cells, minlength=k * k).reshape(k, k)


def against_rest(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the counts of the last class, AGN, and of all others as one: (..., 2, 2).

    Parameters
    ----------
    counts
        Shape (..., k, k): true classes in rows, predicted classes in columns.
    """
    agn = np.arange(counts.shape[-1]) == counts.shape[-1] - 1
    sides = np.stack([~agn, agn]).astype(np.int64)
    return np.asarray(sides @ counts @ sides.T)


def classification_scores(counts: Counts) -> dict[str, Any]:
    """Return the scores of one confusion matrix (k, k): see `score_arrays`; None if undefined."""
    scores = score_arrays(counts)
    return {key: None if np.isnan(value) else float(value) for key, value in scores.items()}


def score_arrays(counts: npt.NDArray[Any]) -> dict[str, Doubles]:
    """Return the scores of many confusion matrices at once.

    Parameters
    ----------
    counts
        Shape (..., k, k): true classes in rows, predicted classes in columns.

    Returns
    -------
    dict
        Arrays of shape (...), NaN where a score is undefined: ``precision``, ``recall`` and
        ``f1`` weighted by class; the same of AGN, the last class (``agn_f1``, ...), and of the
        other class where there are two (``other_f1``, ...);
        ``accuracy``; ``balanced_accuracy``, the mean recall of the classes; and ``mcc``, the
        correlation of label and prediction (Gorodkin 2004, Comput. Biol. Chem. 28, 367), which is
        Matthews' coefficient for two classes.

    Notes
    -----
    The weighted scores are means over the classes weighted by their true numbers, as in
    scikit-learn's ``average="weighted"`` and MLlib's ``weightedFMeasure``. An undefined precision
    counts as 0 in them, as in both. scikit-learn's own functions take one matrix at a time, and a
    bootstrap has thousands.
    """
    cells = np.asarray(counts, dtype=np.float64)
    true, predicted = cells.sum(axis=-1), cells.sum(axis=-2)
    correct = np.diagonal(cells, axis1=-2, axis2=-1)
    total = true.sum(axis=-1)
    per_class = scores_by_class(cells)
    share = np.nan_to_num(_ratio(true, total[..., None]))
    scores = {key: (np.nan_to_num(each) * share).sum(axis=-1) for key, each in per_class.items()}
    shown = {"other": 0, "agn": 1} if cells.shape[-1] == 2 else {"agn": -1}
    for name, i in shown.items():
        scores |= {f"{name}_{key}": each[..., i] for key, each in per_class.items()}
    scores["accuracy"] = _ratio(correct.sum(axis=-1), total)
    scores["balanced_accuracy"] = per_class["recall"].mean(axis=-1)
    covariance = correct.sum(axis=-1) * total - (true * predicted).sum(axis=-1)
    variances = (total**2 - (each**2).sum(axis=-1) for each in (true, predicted))
    scores["mcc"] = _ratio(covariance, np.prod([np.sqrt(each) for each in variances], axis=0))
    return scores


def scores_by_class(counts: npt.NDArray[Any]) -> dict[str, Doubles]:
    """Return ``precision``, ``recall`` and ``f1`` of each class, (..., k); NaN if undefined.

    Parameters
    ----------
    counts
        Shape (..., k, k): true classes in rows, predicted classes in columns.
    """
    cells = np.asarray(counts, dtype=np.float64)
    true, predicted = cells.sum(axis=-1), cells.sum(axis=-2)
    correct = np.diagonal(cells, axis1=-2, axis2=-1)
    return {
        "precision": _ratio(correct, predicted),
        "recall": _ratio(correct, true),
        "f1": _ratio(2 * correct, true + predicted),
    }


@dataclass(frozen=True)
class Curves:
    """ROC and precision-recall curves, and the areas below; None with one class only.

    The areas come from all scores; the curves have at most `CURVE_POINTS` points.
    """

    roc: Doubles  #: (2, n): false and true positive rate, both rising from 0 to 1
    pr: Doubles  #: (2, n): recall and precision, recall rising
    roc_auc: float | None
    pr_auc: float | None  #: average precision: no interpolation between the thresholds


def curves(labels: npt.NDArray[Any], scores: Doubles) -> Curves:
    """Return the curves of labels (0 or 1) and the scores that rank them.

    10 million scores need 1 GB while they are sorted.
    """
    # Tasks that need only the scores above start without scikit-learn.
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

    if not 0 < np.count_nonzero(labels) < len(labels):
        return Curves(np.empty((2, 0)), np.empty((2, 0)), None, None)
    false, true, _ = roc_curve(labels, scores)
    precision, recall, _ = precision_recall_curve(labels, scores)
    return Curves(
        roc=_thinned(np.array([false, true])),
        pr=_thinned(np.array([recall, precision])[:, -2::-1]),  # the last has no threshold
        roc_auc=float(auc(false, true)),
        pr_auc=float(average_precision_score(labels, scores)),
    )


def _thinned(curve: Doubles) -> Doubles:
    """Return points of a curve (2, n) at equal steps along it, the first and the last included."""
    if curve.shape[1] <= CURVE_POINTS:
        return curve
    length = np.abs(np.diff(curve, axis=1, prepend=curve[:, :1])).sum(axis=0).cumsum()
    steps = np.searchsorted(length, np.linspace(0, length[-1], CURVE_POINTS))
    return curve[:, np.unique([0, *steps[:-1], curve.shape[1] - 1])]


def _ratio(part: Doubles, whole: Doubles) -> Doubles:
    """Divide; NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole != 0, np.true_divide(part, whole), np.nan)
