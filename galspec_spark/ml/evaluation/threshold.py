"""From which probability on a spectrum is called AGN, chosen for an aim."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from galspec_spark.ml.evaluation.score_counts import ScoreCounts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Threshold:
    """A spectrum is AGN if its probability is at least this; what to expect of the AGN class."""

    probability: float
    precision: float
    recall: float
    f1: float
    reached: bool  #: whether the aim was


def choose_threshold(counts: ScoreCounts, precision: float | None = None) -> Threshold:
    """Choose the threshold with the best F1 of AGN, or the best recall at a precision.

    Parameters
    ----------
    counts
        By calibrated probability of rows that the classifier was not fitted on; at least one AGN.
    precision
        The least precision of AGN wanted; None to aim at F1.

    Returns
    -------
    Threshold
        Halfway between the lowest probability called AGN and the next below, so that rounding
        decides nothing. Where no threshold has that precision, the one with the highest, with
        ``reached`` False and a warning in the log.
    """
    if not counts.agn.any():
        raise ValueError("no AGN: no threshold has a recall")
    agn = counts.agn.sum()
    true_positives, called = counts.agn[::-1].cumsum(), counts.count[::-1].cumsum()
    precisions, recalls = true_positives / called, true_positives / agn
    f1s = 2 * true_positives / (agn + called)
    reached = True
    if precision is None:
        best = int(np.argmax(f1s))
    elif (precisions >= precision).any():
        best = int(np.argmax(np.where(precisions >= precision, recalls, -1)))
    else:
        # Of equal precisions the one of more recall, which comes last.
        best = int(np.flatnonzero(precisions == precisions.max())[-1])
        reached = False
        log.warning(
            "no threshold has a precision of %g: taking the highest, %.3f at a recall of %.3f",
            precision,
            precisions[best],
            recalls[best],
        )
    falling = np.append(counts.score[::-1], 0.0)
    return Threshold(
        probability=float(falling[best : best + 2].mean()),
        precision=float(precisions[best]),
        recall=float(recalls[best]),
        f1=float(f1s[best]),
        reached=reached,
    )
