"""How far the label agrees with itself: two observations of one object, and what was predicted."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from galspec_spark.ml.evaluation.calibration import Labels
from galspec_spark.ml.evaluation.intervals import interval
from galspec_spark.ml.evaluation.record import Interval, Record
from galspec_spark.spectrum.arrays import Doubles

#: Edges of bins of the predicted probability, which piles up near 1, and of the S/N of H beta.
SURVIVAL_EDGES = (0.5, 0.7, 0.9, 0.99)
SN_EDGES = (0.0, 2.0, 3.0, 4.0, 6.0, 10.0)


class Agreement(Record):
    """Pairs of observations in one range, and how many have the same label in both."""

    low: float | None = Field(description="lower limit; null below the first edge")
    high: float | None
    pairs: int
    same: int
    share: float = Field(description="same of the pairs")
    interval: Interval = Field(description="95 % interval of the share (Wilson's)")
    predicted: float = Field(description="mean of formula_survival of the first observations")


class LabelNoise(Record):
    """Pairs of labelled observations of one object; the first is as good as the second."""

    pairs: int
    same: int = Field(description="pairs with the same label")
    with_agn: int = Field(description="pairs with at least one AGN")
    both_agn: int
    predicted: float = Field(description="mean of formula_survival of the first observations")
    by_survival: tuple[Agreement, ...] = Field(description="by formula_survival of the first")
    by_h_beta_sn: tuple[Agreement, ...] = Field(description="by S/N of H beta of the first")


def measure_label_noise(
    first: Labels, second: Labels, agn: int, survival: Doubles, h_beta_sn: Doubles
) -> LabelNoise | None:
    """Return how often the labels of n pairs of observations agree; None without pairs.

    Parameters
    ----------
    first, second
        Labels of both observations, (n,).
    agn
        The label of AGN.
    survival, h_beta_sn
        ``formula_survival`` and ``h_beta_sn`` of the first, (n,).
    """
    if not len(first):
        return None
    same = first == second
    return LabelNoise(
        pairs=len(same),
        same=int(same.sum()),
        with_agn=int(np.count_nonzero((first == agn) | (second == agn))),
        both_agn=int(np.count_nonzero((first == agn) & (second == agn))),
        predicted=float(survival.mean()),
        by_survival=_by(survival, SURVIVAL_EDGES, same, survival),
        by_h_beta_sn=_by(h_beta_sn, SN_EDGES, same, survival),
    )


def _by(
    values: Doubles, edges: tuple[float, ...], same: Doubles, survival: Doubles
) -> tuple[Agreement, ...]:
    """Return the agreement in each bin that has pairs."""
    limits = (None, *edges, None)
    place = np.searchsorted(edges, values, side="right")
    found = []
    for index in np.unique(place):
        inside = place == index
        pairs, agreeing = int(inside.sum()), int(same[inside].sum())
        ends = interval(agreeing, pairs)
        assert ends is not None
        found.append(
            Agreement(
                low=limits[index],
                high=limits[index + 1],
                pairs=pairs,
                same=agreeing,
                share=agreeing / pairs,
                interval=(ends[0], ends[1]),
                predicted=float(survival[inside].mean()),
            )
        )
    return tuple(found)
