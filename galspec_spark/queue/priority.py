"""Which spectra a person should label next: three reasons, which take turns.

A score says how much a reason holds of a spectrum: the greater, the sooner; NaN where it does not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.ml.model.profile import Profile
from galspec_spark.spectrum.arrays import Doubles

#: The reasons, in the order of their turns, and what they mean.
REASONS = {
    "near the margin": "the model is undecided: its probability is close to the threshold",
    "outside": "unlike the training set: an outlier, or its z, S/N or coverage is beyond the usual",
    "disagrees": "the model says one class, SDSS's formula on the measured lines the other",
}

Integers = npt.NDArray[np.int64]


def near_margin(margin: Doubles) -> Doubles:
    """Score by how close probabilities are to the threshold, (n,)."""
    return -np.abs(margin)


def outside(
    profile: Profile, z: Doubles, sn: Doubles, coverage: Doubles, error: Doubles
) -> Doubles:
    """Score spectra unlike the training set by their reconstruction error, (n,).

    The error counts as a share of the greatest usual one at the S/N, 0 where features have none. A
    spectrum of too little S/N is not among them: a person sees no more in it than the model.

    Parameters
    ----------
    error
        ``reconstruction_error`` of the catalogue; NaN where features have none.
    """
    ratio = np.nan_to_num(error / profile.error_limit(sn))
    is_outside = (
        (ratio > 1)
        | profile.is_below("z", z)
        | profile.is_above("z", z)
        | profile.is_above("sn_median", sn)
        | profile.is_below("coverage", coverage)
    ) & ~profile.is_below("sn_median", sn)
    return np.where(is_outside, ratio, np.nan)


def disagreement(margin: Doubles, is_agn: npt.NDArray[np.bool_], survival: Doubles) -> Doubles:
    """Score spectra that are AGN by one of model and formula only, (n,).

    The score is how sure both are: the distance of the probability from the threshold, times the
    probability that the formula would say the same at a second look.

    Parameters
    ----------
    is_agn
        By SDSS's formula.
    survival
        ``formula_survival`` of the table ``lines``; NaN where lines were not measured.
    """
    differs = is_agn != (margin >= 0)
    return np.where(differs, np.abs(margin) * survival, np.nan)


def leading(score: Doubles, objects: Integers, number: int) -> Integers:
    """Return the rows of the greatest scores, one of each object, the greatest first.

    Parameters
    ----------
    score
        Shape (n,); of equal scores the first row counts.
    objects
        The number of each row's object, (n,).
    """
    order = np.argsort(-score, kind="stable")  # NaN comes last
    order = order[: np.count_nonzero(np.isfinite(score))]
    _, first = np.unique(objects[order], return_index=True)
    return order[np.sort(first)[:number]]


def take_turns(scores: Doubles, objects: Integers, number: int) -> tuple[Integers, Integers]:
    """Return the rows to label, the most urgent first, and the reason of each.

    Each reason in turn gives its best spectrum, of an object that has none yet: so none of them
    swamps the others, and a reason that holds of few leaves its turns to the others.

    Parameters
    ----------
    scores
        Shape (n, reasons).
    objects
        The number of each row's object, (n,).
    """
    waiting = [leading(score, objects, number).tolist()[::-1] for score in scores.T]
    rows: list[int] = []
    reasons: list[int] = []
    seen: set[int] = set()
    while len(rows) < number and any(waiting):
        for reason, candidates in enumerate(waiting):
            while candidates and objects[candidates[-1]] in seen:
                candidates.pop()
            if candidates and len(rows) < number:
                rows.append(candidates.pop())
                reasons.append(reason)
                seen.add(int(objects[rows[-1]]))
    return np.array(rows, np.int64), np.array(reasons, np.int64)
