"""Whole batches of spectra to the rest frame.

SDSS and LAMOST sample in steps of 1e-4 dex, the step of the rest-frame grid. A redshift is then a
translation by log10(1 + z): for each spectrum one integer shift and one interpolation weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS
from galspec_spark.spectrum.masks import good_pixels
from galspec_spark.spectrum.ragged import ObservedBatch

#: A neighbour of less weight than this changes nothing that float32 can hold.
NEGLIGIBLE_WEIGHT = 1e-6


class RestFrame(NamedTuple):
    """Spectra on the rest-frame grid, each array of shape (spectra, PIXELS)."""

    flux: npt.NDArray[np.float32]  #: F_lambda as observed (no factor 1 + z); 0 where not good
    ivar: npt.NDArray[np.float32]  #: 0 where not good
    good: npt.NDArray[np.bool_]  #: False outside the observed range and at bad pixels


def to_rest_frame(batch: ObservedBatch, reject: int) -> RestFrame:
    """Shift a batch to the rest frame by linear interpolation in log wavelength.

    Parameters
    ----------
    batch
        Spectra as observed; z must be finite and above -1.
    reject
        Bits of AND_MASK that make a pixel bad.

    Notes
    -----
    With weight w of the right neighbour, flux = (1 - w) f0 + w f1 and
    1 / ivar = (1 - w)^2 / ivar0 + w^2 / ivar1. A grid pixel is good where all neighbours that
    contribute are. Neighbouring grid pixels become correlated; ivar does not say so.
    """
    good = good_pixels(batch.flux, batch.ivar, batch.and_mask, reject)
    flux = np.where(good, batch.flux, np.float32(0))
    variance = np.divide(1, batch.ivar, out=np.zeros_like(batch.ivar), where=good)

    shift = (LOGLAM0 + np.log10(1 + batch.z) - batch.loglam0) / LOGLAM_STEP
    first = np.floor(shift).astype(np.int64)
    weight = (shift - first).astype(np.float32)[:, None]
    exact = weight > 1 - NEGLIGIBLE_WEIGHT  # rounding has put it just below the next pixel
    first, weight = first + exact[:, 0], np.where(exact, np.float32(0), weight)

    left = first[:, None] + np.arange(PIXELS)
    inside0 = (left >= 0) & (left < batch.pixels[:, None])
    inside1 = (left >= -1) & (left + 1 < batch.pixels[:, None])
    index0 = np.where(inside0, left + batch.starts[:, None], 0)
    index1 = np.where(inside1, left + 1 + batch.starts[:, None], 0)
    needed1 = weight > NEGLIGIBLE_WEIGHT
    good_here = inside0 & good[index0] & (~needed1 | (inside1 & good[index1]))

    moved = (1 - weight) * flux[index0] + weight * flux[index1]
    moved_variance = (1 - weight) ** 2 * variance[index0] + weight**2 * variance[index1]
    ivar = np.divide(1, moved_variance, out=np.zeros_like(moved_variance), where=good_here)
    return RestFrame(np.where(good_here, moved, np.float32(0)), ivar, good_here)


def coverage(good: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return the fraction of the grid that carries information, shape (spectra,)."""
    covered: npt.NDArray[np.float32] = good.mean(axis=1, dtype=np.float32)
    return covered


def fill_gaps(
    flux: npt.NDArray[np.float32], good: npt.NDArray[np.bool_], mean: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the flux with the mean spectrum, shape (PIXELS,), where there is no information."""
    return np.where(good, flux, mean)
