"""Shift whole batches of spectra to the rest frame.

SDSS and LAMOST sample in steps of 1e-4 dex, the step of the rest-frame grid. A redshift is then a
translation by log10(1 + z): for each spectrum one integer shift and one interpolation weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS
from galspec_spark.spectrum.masks import good_pixels
from galspec_spark.spectrum.ragged import ObservedBatch

#: A neighbour of less weight than this changes nothing in float32.
NEGLIGIBLE_WEIGHT = 1e-6
#: Input pixels that a spectrum is interpolated from: one more than output pixels.
WINDOW = PIXELS + 1

ZERO, ONE, INFINITE = np.float32(0), np.float32(1), np.float32(np.inf)


class RestFrame(NamedTuple):
    """Spectra on the rest-frame grid, each array of shape (spectra, PIXELS)."""

    flux: npt.NDArray[np.float32]  #: F_lambda as observed (no factor 1 + z); 0 where not good
    ivar: npt.NDArray[np.float32]  #: 0 where not good
    good: npt.NDArray[np.bool_]  #: False outside the observed range and at bad pixels


def has_redshift(z: Array) -> npt.NDArray[np.bool_]:
    """Tell which redshifts, NaN where missing, a spectrum can be moved by: finite, above -1."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(z) & (z > -1))


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
    shift = (LOGLAM0 + np.log10(1 + batch.z) - batch.loglam0) / LOGLAM_STEP
    first = np.floor(shift).astype(np.int64)
    weight = (shift - first).astype(np.float32)[:, None]
    exact = weight > 1 - NEGLIGIBLE_WEIGHT  # rounding has put it just below the next pixel
    first, weight = first + exact[:, 0], np.where(exact, ZERO, weight)
    first = np.clip(first, -WINDOW, batch.pixels).astype(np.int32)  # farther is outside as well

    flux, ivar, and_mask = (
        _windows(flat, batch.starts + first) for flat in (batch.flux, batch.ivar, batch.and_mask)
    )
    column = np.arange(WINDOW, dtype=np.int32)
    end = (batch.pixels - first).astype(np.int32)
    good = (column >= -first[:, None]) & (column < end[:, None])
    good &= good_pixels(flux, ivar, and_mask, reject)
    flux = np.where(good, flux, ZERO)
    variance = _inverse(ivar, good)

    moved_good = good[:, :-1] & (good[:, 1:] | (weight <= NEGLIGIBLE_WEIGHT))
    moved = (1 - weight) * flux[:, :-1]
    moved += weight * flux[:, 1:]
    moved_variance = (1 - weight) ** 2 * variance[:, :-1]
    moved_variance += weight**2 * variance[:, 1:]
    moved = np.where(moved_good, moved, ZERO)
    return RestFrame(moved, _inverse(moved_variance, moved_good), moved_good)


def _windows(flat: Array, first: npt.NDArray[np.int64]) -> Array:
    """Return WINDOW values from each start on, shape (spectra, WINDOW).

    Copying runs of values is three times as fast as indexing each value.
    """
    padding = np.zeros(WINDOW, flat.dtype)
    padded = np.concatenate([padding, flat, padding])
    windows: Array = sliding_window_view(padded, WINDOW)[first + WINDOW]
    return windows


def _inverse(
    values: npt.NDArray[np.float32], good: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return 1 / values, 0 where not good."""
    filled = np.where(good, values, INFINITE)
    return np.divide(ONE, filled, out=filled)


def coverage(good: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return the fraction of the grid that carries information, shape (spectra,)."""
    covered: npt.NDArray[np.float32] = good.mean(axis=1, dtype=np.float32)
    return covered
