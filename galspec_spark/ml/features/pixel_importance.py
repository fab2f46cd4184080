"""How much each pixel weighs in a decision that rests on features made of pixels."""

from __future__ import annotations

import numpy as np

from galspec_spark.spectrum.arrays import Doubles


def pixel_importance(
    weights: Doubles, slopes: Doubles, deviation: Doubles, is_linear: bool
) -> Doubles:
    """Return how much each pixel of a spectrum weighs in the decision; sums to 1.

    Parameters
    ----------
    weights
        Weight of each feature in a classifier, (k,).
    slopes
        Change of each feature with each pixel, (k, pixels).
    deviation
        Standard deviation of each pixel, (pixels,).
    is_linear
        Whether the weights are coefficients, not importances, which have no sign.

    Notes
    -----
    Let s_k be the slopes and w_k the weights. A linear model decides by ``sum_k w_k feature_k``,
    which changes with a pixel by ``sum_k w_k s_k``. The importance of a pixel is how far it moves
    the decision when it changes by its own standard deviation: a steep slope of a pixel that never
    changes has no importance. A forest has no sign: each feature's importance is spread over the
    pixels in proportion to ``s_k^2``.
    """
    if is_linear:
        importance = np.abs(weights @ slopes) * deviation
    else:
        squares = slopes**2
        totals = squares.sum(axis=1)
        # A feature that never changes rests on no pixel.
        shares = np.divide(weights, totals, out=np.zeros_like(totals), where=totals > 0)
        importance = shares @ squares
    total = importance.sum()
    # A model that learned nothing weighs all pixels alike.
    uniform = np.full(slopes.shape[1], 1 / slopes.shape[1])
    return importance / total if total > 0 else uniform
