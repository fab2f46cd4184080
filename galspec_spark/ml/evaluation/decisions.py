"""From a classifier's scores to probabilities of the classes, and to a class.

With two classes, scores and probabilities are those of AGN, (n,). With more, they are of each
class, (n, k), AGN last. AGN is decided first: its probability is its own calibrated score, whatever
the others are, so that threshold, margin and curves mean the same for any number of classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from galspec_spark.ml.evaluation.calibration import Calibration
from galspec_spark.spectrum.arrays import Doubles

Decisions = npt.NDArray[np.int8]


def of_agn(values: Doubles) -> Doubles:
    """Return the scores or probabilities of AGN, (n,)."""
    return values if values.ndim == 1 else values[:, -1]


def count_of(values: Doubles) -> int:
    """Return the number of classes, k, that scores or probabilities are of."""
    return 2 if values.ndim == 1 else values.shape[1]


def probabilities(scores: Doubles, agn: Calibration, others: Sequence[Calibration]) -> Doubles:
    """Return the calibrated probabilities of AGN, (n,), or of each class, (n, k).

    Parameters
    ----------
    agn
        Of the score of AGN.
    others
        Of the scores of the other classes, each against all; none with two classes. What AGN leaves
        of 1 is shared in proportion to what they give.
    """
    probability = agn.apply(of_agn(scores))
    if not others:
        return probability
    given = np.stack([each.apply(scores[:, i]) for i, each in enumerate(others)], axis=1)
    total = given.sum(axis=1, keepdims=True)
    shares = np.divide(given, total, out=np.full_like(given, 1 / len(others)), where=total > 0)
    return np.column_stack([(1 - probability)[:, None] * shares, probability])


def called(probabilities: Doubles, threshold: float) -> Decisions:
    """Return AGN where its probability is the threshold or more, else the likeliest other class.

    Returns
    -------
    int8 (n,)
        Labels.
    """
    is_agn = of_agn(probabilities) >= threshold
    if probabilities.ndim == 1:
        return is_agn.astype(np.int8)
    others = probabilities[:, :-1].argmax(axis=1)
    return np.asarray(np.where(is_agn, probabilities.shape[1] - 1, others), np.int8)
