"""From a classifier's score to a probability and a class, and the reliability of both.

A calibration is fitted to out-of-fold scores: 10 million need 1.5 GB during the fit. scikit-learn
is imported where it is used, so tasks that apply a calibration start without it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from galspec_spark.ml.evaluation.intervals import wilson
from galspec_spark.spectrum.arrays import Doubles

Method = Literal["platt", "isotonic"]
Labels = npt.NDArray[np.integer]

#: Probabilities are clipped this far from 0 and 1 before their logit is taken.
CLIP = 1e-6

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """A rising function from score to probability.

    Platt's is a logistic function of the score, or of its logit if the score is a probability (a
    logistic function of a probability could not even be the identity). The isotonic function is
    piecewise linear between thresholds, and constant beyond them.
    """

    method: Method
    scores_are_probabilities: bool
    slope: float = 0.0  #: Platt: the probability is 1 / (1 + exp(-slope x - intercept))
    intercept: float = 0.0
    scores: tuple[float, ...] = ()  #: isotonic: rising thresholds
    probabilities: tuple[float, ...] = ()  #: isotonic: at the thresholds

    def apply(self, scores: npt.ArrayLike) -> Doubles:
        """Return the probabilities of scores, of the same shape."""
        values = np.asarray(scores, dtype=np.float64)
        if self.method == "isotonic":
            return np.asarray(np.interp(values, self.scores, self.probabilities))
        return np.asarray(expit(self.slope * self.scale(values) + self.intercept))

    def scale(self, scores: Doubles) -> Doubles:
        """Return the argument of the logistic function: scores, or logits of probabilities."""
        if not self.scores_are_probabilities:
            return scores
        return np.asarray(logit(np.clip(scores, CLIP, 1 - CLIP)))


def calibrate(
    labels: Labels, scores: Doubles, method: Method, scores_are_probabilities: bool
) -> Calibration:
    """Fit a calibration to labels (0 or 1) and out-of-fold scores.

    Parameters
    ----------
    scores_are_probabilities
        True for logistic regression and random forest; LinearSVC gives margins.
    """
    from sklearn.isotonic import IsotonicRegression

    if method == "platt":
        return _platt(labels, scores, scores_are_probabilities)
    fitted = IsotonicRegression().fit(scores, labels)
    return Calibration(
        "isotonic",
        scores_are_probabilities,
        scores=tuple(fitted.X_thresholds_.tolist()),
        probabilities=tuple(fitted.y_thresholds_.tolist()),
    )


def _platt(labels: Labels, scores: Doubles, scores_are_probabilities: bool) -> Calibration:
    """Fit a logistic function to targets a little within 0 and 1.

    The targets are Platt's (1999, "Probabilistic outputs for support vector machines"). A row with
    the target t counts as AGN with the weight t, and as other with the weight 1 - t.
    """
    from sklearn.linear_model import LogisticRegression

    x = Calibration("platt", scores_are_probabilities).scale(scores)
    agn = np.count_nonzero(labels)
    other = len(labels) - agn
    target = np.where(labels == 1, (agn + 1) / (agn + 2), 1 / (other + 2))
    centre, spread = x.mean(), x.std() or 1.0
    fitted = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky").fit(
        np.tile((x - centre) / spread, 2)[:, None],
        np.repeat([1, 0], len(x)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = float(fitted.coef_[0, 0] / spread)
    intercept = float(fitted.intercept_[0] - slope * centre)
    return Calibration("platt", scores_are_probabilities, slope, intercept)


@dataclass(frozen=True)
class Threshold:
    """Least probability of a spectrum called AGN, and the expected scores of the AGN class."""

    probability: float
    precision: float
    recall: float
    f1: float
    reached: bool  #: whether any threshold has the wanted precision


def choose_threshold(
    labels: Labels, probabilities: Doubles, precision: float | None = None
) -> Threshold:
    """Choose the threshold with the best F1 of AGN, or the best recall at a precision.

    Parameters
    ----------
    labels, probabilities
        Out of fold, with at least one AGN.
    precision
        The least precision of AGN wanted; None to aim at F1.

    Returns
    -------
    Threshold
        Halfway between the lowest probability called AGN and the next below, so that rounding
        decides nothing. If no threshold has the wanted precision, the threshold with the highest
        precision, with ``reached`` False and a warning in the log.
    """
    from sklearn.metrics import confusion_matrix_at_thresholds

    if not labels.any():
        raise ValueError("no AGN: no threshold has a recall")
    _, false_positives, missed, found, falling = confusion_matrix_at_thresholds(
        labels, probabilities, pos_label=1
    )
    precisions, recalls = found / (found + false_positives), found / (found + missed)
    f1s = 2 * found / (2 * found + false_positives + missed)
    reached = True
    if precision is None:
        best = int(np.argmax(f1s))
    elif (precisions >= precision).any():
        best = int(np.argmax(np.where(precisions >= precision, recalls, -1)))
    else:
        # Among equal precisions, the highest recall comes last.
        best = int(np.flatnonzero(precisions == precisions.max())[-1])
        reached = False
        log.warning(
            "no threshold has a precision of %g: taking the highest, %.3f at a recall of %.3f",
            precision,
            precisions[best],
            recalls[best],
        )
    return Threshold(
        probability=float(np.append(falling, 0.0)[best : best + 2].mean()),
        precision=float(precisions[best]),
        recall=float(recalls[best]),
        f1=float(f1s[best]),
        reached=reached,
    )


def reliability(labels: Labels, probabilities: Doubles, bins: int = 10) -> list[dict[str, float]]:
    """Compare probabilities with observed shares, in bins of equal width.

    Bins of equal width are the same for every model and data set. With few AGN, nearly all bins of
    equal count would lie next to 0.

    Returns
    -------
    list of dict
        For each bin that is not empty: mean ``probability``, ``share`` of AGN, ``count``, and the
        ends ``low`` and ``high`` of the share's 95 % interval (Wilson's).
    """
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    count, agn, total = (
        np.bincount(index, weights).astype(np.float64) for weights in (None, labels, probabilities)
    )
    low, high = wilson(agn, count)
    return [
        {
            "probability": float(total[i] / count[i]),
            "share": float(agn[i] / count[i]),
            "count": int(count[i]),
            "low": float(low[i]),
            "high": float(high[i]),
        }
        for i in np.flatnonzero(count)
    ]


def brier(labels: Labels, probabilities: Doubles) -> dict[str, float | None]:
    """Return the mean squared error of probabilities (Brier 1950, Mon. Weather Rev. 78, 1).

    Returns
    -------
    dict
        ``brier``; ``brier_base_rate``, for the true share of AGN as every probability; and
        ``brier_skill``, the relative gain over the base rate: 1 is perfect, 0 no gain, None with
        one class only.
    """
    of_probabilities, of_share = (
        float(((labels - p) ** 2).mean()) for p in (probabilities, labels.mean())
    )
    skill = 1 - of_probabilities / of_share if of_share else None
    return {"brier": of_probabilities, "brier_base_rate": of_share, "brier_skill": skill}
