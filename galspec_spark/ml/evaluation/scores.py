"""How good predictions are: confusion, precision, recall, F1, MCC, ROC and precision-recall.

Spark counts; the driver gets four numbers for the confusion and `score_counts` for the curves,
whatever the number of predictions. A figure that is not defined (the precision of a class that was
never predicted, the ROC of one class) is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.evaluation.score_counts import ScoreCounts, score_counts
from galspec_spark.spectrum.arrays import Doubles

Counts = npt.NDArray[np.int64]

CLASSES = ("other", "agn")


def confusion(predictions: DataFrame, prediction: str = "prediction") -> Counts:
    """Count predictions by true class (rows) and predicted class (columns): [[tn, fp], [fn, tp]].

    Parameters
    ----------
    predictions
        Has ``label`` and the `prediction` column, each 0 or 1.
    """
    cells = [
        F.count_if((F.col("label") == truth) & (F.col(prediction) == predicted))
        for truth in (0, 1)
        for predicted in (0, 1)
    ]
    counts = predictions.agg(*cells).first()
    assert counts is not None
    return np.array(counts, dtype=np.int64).reshape(2, 2)


def classification_scores(counts: Counts) -> dict[str, Any]:
    """Return the scores of one confusion matrix (2, 2): see `score_arrays`; None if not defined."""
    scores = score_arrays(counts)
    return {key: None if np.isnan(value) else float(value) for key, value in scores.items()}


def score_arrays(counts: npt.NDArray[Any]) -> dict[str, Doubles]:
    """Return the scores of many confusion matrices at once.

    Parameters
    ----------
    counts
        Shape (..., 2, 2): true classes in rows, predicted classes in columns.

    Returns
    -------
    dict
        Arrays of shape (...), NaN where a score is not defined: ``precision``, ``recall`` and
        ``f1`` weighted by class; the same of each class (``agn_f1``, ``other_f1``, ...);
        ``accuracy``; ``balanced_accuracy``, the mean recall of the two classes; and ``mcc``,
        Matthews' correlation coefficient (1975, Biochim. Biophys. Acta 405, 442).

    Notes
    -----
    The weighted figures are means over the classes weighted by their true numbers, as in
    scikit-learn's ``average="weighted"`` and MLlib's ``weightedFMeasure``; there an undefined
    precision counts as 0, as it does in both.
    """
    cells = np.asarray(counts, dtype=np.float64)
    true, predicted = cells.sum(axis=-1), cells.sum(axis=-2)
    correct = np.diagonal(cells, axis1=-2, axis2=-1)
    total = true.sum(axis=-1)
    per_class = {
        "precision": _ratio(correct, predicted),
        "recall": _ratio(correct, true),
        "f1": _ratio(2 * correct, true + predicted),
    }
    share = np.nan_to_num(_ratio(true, total[..., None]))
    scores = {key: (np.nan_to_num(each) * share).sum(axis=-1) for key, each in per_class.items()}
    for i, name in enumerate(CLASSES):
        scores |= {f"{name}_{key}": each[..., i] for key, each in per_class.items()}
    scores["accuracy"] = _ratio(correct.sum(axis=-1), total)
    scores["balanced_accuracy"] = per_class["recall"].mean(axis=-1)
    determinant = cells[..., 0, 0] * cells[..., 1, 1] - cells[..., 0, 1] * cells[..., 1, 0]
    scores["mcc"] = _ratio(
        determinant, np.sqrt(true.prod(axis=-1)) * np.sqrt(predicted.prod(axis=-1))
    )
    return scores


@dataclass(frozen=True)
class Curves:
    """ROC and precision-recall curves and the areas below; None where there is one class only."""

    roc: npt.NDArray[np.float64]  #: (2, n): false and true positive rate, both rising from 0 to 1
    pr: npt.NDArray[np.float64]  #: (2, n): recall and precision, recall rising
    roc_auc: float | None
    pr_auc: float | None  #: average precision: no interpolation between the thresholds


def curves(predictions: DataFrame, rows: int) -> Curves:
    """Return the curves of predictions, given as to `score_counts`."""
    return curves_of(score_counts(predictions, rows))


def curves_of(counts: ScoreCounts) -> Curves:
    """Return the curves of counted scores."""
    true_positives, false_positives = counts.agn[::-1].cumsum(), counts.other[::-1].cumsum()
    agn, other = true_positives[-1], false_positives[-1]
    if not agn or not other:
        return Curves(np.empty((2, 0)), np.empty((2, 0)), None, None)
    recall = true_positives / agn
    precision = true_positives / (true_positives + false_positives)
    roc = np.array([np.append(0.0, false_positives / other), np.append(0.0, recall)])
    average_precision = float((np.diff(recall, prepend=0.0) * precision).sum())
    return Curves(
        roc, np.array([recall, precision]), float(np.trapezoid(roc[1], roc[0])), average_precision
    )


def _ratio(part: Doubles, whole: Doubles) -> Doubles:
    """Divide; NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole != 0, np.true_divide(part, whole), np.nan)
