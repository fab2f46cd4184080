"""Confidence intervals of proportions, from counts alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from galspec_spark.spectrum.arrays import Doubles

#: 97.5 % quantile of a normal distribution, for intervals of 95 %.
Z = 1.959963984540054


def wilson(part: Doubles | float, whole: Doubles | float) -> tuple[Doubles, Doubles]:
    """Return the ends of the 95 % interval of proportions (Wilson 1927, J. Am. Stat. Assoc. 22).

    Parameters
    ----------
    part, whole
        Counts, of any shape.

    Returns
    -------
    tuple of arrays
        Lower and upper ends; NaN where the whole is 0.
    """
    trials = np.where(np.asarray(whole) > 0, whole, np.nan)
    share = part / trials
    centre = share + Z**2 / (2 * trials)
    half = Z * np.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    scale = 1 + Z**2 / trials
    return np.maximum(0.0, (centre - half) / scale), np.minimum(1.0, (centre + half) / scale)


def interval(part: float, whole: float) -> list[float] | None:
    """Return the 95 % interval of one proportion; None if undefined."""
    return [float(end) for end in wilson(part, whole)] if whole else None


def f1_interval(confusion: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Return the 95 % interval of the AGN class's F1, given its confusion matrix.

    F1 = 2 J / (1 + J) grows with J = TP / (TP + FP + FN), a proportion, so Wilson's interval of J
    carries over (the "Wilson indirect" method of Lam, Gopal & Qian 2023, arXiv:2309.14621).

    Parameters
    ----------
    confusion
        Counts, [[other as other, other as AGN], [AGN as other, AGN as AGN]].

    Returns
    -------
    tuple of float, or None
        Lower and upper end; None if no AGN is true or predicted.
    """
    (_, false_positive), (false_negative, true_positive) = confusion
    ends = interval(true_positive, true_positive + false_positive + false_negative)
    return (2 * ends[0] / (1 + ends[0]), 2 * ends[1] / (1 + ends[1])) if ends else None
