"""From a classifier's score to a probability, and how far such probabilities can be trusted.

Fitted on the scores of rows that the classifier was not fitted on (out of fold). The fit happens on
the driver, from counts of bounded size (`score_counts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

from galspec_spark.ml.evaluation.intervals import wilson
from galspec_spark.ml.evaluation.score_counts import ScoreCounts
from galspec_spark.spectrum.arrays import Doubles

Method = Literal["platt", "isotonic"]

#: Probabilities are kept so far from 0 and 1 before their logit is taken.
CLIP = 1e-6


@dataclass(frozen=True)
class Calibration:
    """A rising function from score to probability.

    Platt's is a logistic function of the score, or of the logit of a score that is a probability
    itself (a logistic function of a probability could not even leave it as it is). The isotonic one
    is piecewise linear between thresholds, and constant beyond them.
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

    def counts(self, counts: ScoreCounts) -> ScoreCounts:
        """Return counts by probability, given counts by score; equal probabilities are one."""
        return ScoreCounts.of(self.apply(counts.score), counts.agn, counts.other)

    def scale(self, scores: Doubles) -> Doubles:
        """Return what the logistic function is a function of."""
        if not self.scores_are_probabilities:
            return scores
        return np.asarray(logit(np.clip(scores, CLIP, 1 - CLIP)))


def calibrate(counts: ScoreCounts, method: Method, scores_are_probabilities: bool) -> Calibration:
    """Fit a calibration to counts of out-of-fold scores.

    Parameters
    ----------
    scores_are_probabilities
        As of logistic regression and random forest; LinearSVC's are margins.
    """
    if method == "isotonic":
        return _isotonic(counts, scores_are_probabilities)
    return _platt(counts, scores_are_probabilities)


def probability(calibration: Calibration, score: Column) -> Column:
    """Return the calibrated probability of a column of scores; null where the score is null."""
    if calibration.method == "isotonic":
        return _interpolated(calibration, score)
    if calibration.scores_are_probabilities:
        clipped = F.least(F.greatest(score, F.lit(CLIP)), F.lit(1 - CLIP))
        x = F.when(score.isNotNull(), F.log(clipped / (1 - clipped)))
    else:
        x = score
    return 1 / (1 + F.exp(-(calibration.slope * x + calibration.intercept)))


def reliability(counts: ScoreCounts, bins: int = 10) -> list[dict[str, float]]:
    """Compare probabilities with what happened, in bins of equal width.

    Bins of equal width are the same for every model and data set; where few AGN are expected, those
    of equal count would nearly all lie next to 0.

    Parameters
    ----------
    counts
        By probability.

    Returns
    -------
    list of dict
        For each bin that is not empty: mean ``probability``, ``share`` of AGN, ``count``, and the
        ends ``low`` and ``high`` of the share's 95 % interval (Wilson's).
    """
    index = np.minimum((counts.score * bins).astype(int), bins - 1)
    count, agn, total = (
        np.bincount(index, weights).astype(np.float64)
        for weights in (counts.count, counts.agn, counts.count * counts.score)
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


def brier(counts: ScoreCounts) -> dict[str, float | None]:
    """Return the mean squared error of probabilities (Brier 1950, Mon. Weather Rev. 78, 1).

    Returns
    -------
    dict
        ``brier``; ``brier_base_rate``, of giving everything the true share of AGN; and
        ``brier_skill``, the part of the latter that is gone: 1 is perfect, 0 no better than that,
        None where there is one class only.
    """
    total = counts.count.sum()
    share = counts.agn.sum() / total
    of_probabilities, of_share = (
        float((counts.agn * (1 - p) ** 2 + counts.other * p**2).sum() / total)
        for p in (counts.score, share)
    )
    skill = 1 - of_probabilities / of_share if of_share else None
    return {"brier": of_probabilities, "brier_base_rate": of_share, "brier_skill": skill}


def _platt(counts: ScoreCounts, scores_are_probabilities: bool) -> Calibration:
    """Fit a logistic function to targets a little within 0 and 1.

    The targets are Platt's (1999, "Probabilistic outputs for support vector machines"); the convex
    function to minimise, and Newton's method for it, are those of Lin, Lin and Weng (2007, Machine
    Learning 68, 267).
    """
    x = Calibration("platt", scores_are_probabilities).scale(counts.score)
    agn, other = counts.agn.sum(), counts.other.sum()
    share = counts.count / (agn + other)
    wanted = (counts.agn * (agn + 1) / (agn + 2) + counts.other / (other + 2)) / (agn + other)
    centre = share @ x
    spread = np.sqrt(share @ (x - centre) ** 2) or 1.0
    terms = np.stack([(x - centre) / spread, np.ones_like(x)])

    def loss(parameters: Doubles) -> tuple[float, Doubles]:
        margin = parameters @ terms
        value = share @ np.logaddexp(0, margin) - wanted @ margin
        return float(value), terms @ (share * expit(margin) - wanted)

    def curvature(parameters: Doubles) -> Doubles:
        p = expit(parameters @ terms)
        return np.asarray((terms * (share * p * (1 - p))) @ terms.T)

    start = np.array([0.0, np.log((agn + 1) / (other + 1))])
    found = minimize(
        loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-10}
    ).x
    slope = found[0] / spread
    return Calibration(
        "platt", scores_are_probabilities, float(slope), float(found[1] - slope * centre)
    )


def _isotonic(counts: ScoreCounts, scores_are_probabilities: bool) -> Calibration:
    fitted = isotonic_regression(counts.agn / counts.count, weights=counts.count).x
    # Of scores with one probability only the first and the last shape the curve.
    steps = np.diff(fitted) > 0
    kept = np.append(True, steps) | np.append(steps, True)
    return Calibration(
        "isotonic",
        scores_are_probabilities,
        scores=tuple(counts.score[kept].tolist()),
        probabilities=tuple(fitted[kept].tolist()),
    )


def _interpolated(calibration: Calibration, score: Column) -> Column:
    @pandas_udf("double")  # type: ignore[call-overload, untyped-decorator]
    def interpolate(scores: pd.Series) -> pd.Series:
        return pd.Series(calibration.apply(scores.to_numpy()))  # NaN where there is no score

    column: Column = interpolate(score)
    return column
