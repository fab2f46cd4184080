"""Named bits of masks, and the pixels that they make bad.

The bits of a pixel are a survey's own: its reader names them. ZWARNING has the same bits in all
surveys that have it (https://www.sdss4.org/dr17/algorithms/bitmasks/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: ZWARNING: why a redshift or class may be wrong.
ZWARNING_BITS: dict[str, int] = {
    "SKY": 0,  # sky fibre
    "LITTLE_COVERAGE": 1,  # too little wavelength coverage
    "SMALL_DELTA_CHI2": 2,  # best fit is too close to the second best
    "NEGATIVE_MODEL": 3,  # synthetic spectrum is negative
    "MANY_OUTLIERS": 4,  # many points far from the model: common in bright, good spectra
    "Z_FITLIMIT": 5,  # chi^2 minimum at the edge of the redshift range
    "NEGATIVE_EMISSION": 6,  # a QSO line has negative emission
    "UNPLUGGED": 7,  # fibre was unplugged or broken
    "BAD_TARGET": 8,  # catastrophically bad targeting data
    "NODATA": 9,  # no data for this fibre
}


@dataclass(frozen=True)
class PixelMask:
    """Meaning of the bits of a survey's AND_MASK and OR_MASK."""

    bits: Mapping[str, int]  #: number of each bit
    bad: tuple[str, ...]  #: names of the bits of AND_MASK that make a pixel bad
    bad_sky: tuple[str, ...] = ()  #: of OR_MASK, where the subtraction of the sky failed


def bit_mask(names: Iterable[str], bits: Mapping[str, int]) -> int:
    """Return the integer with the named bits set."""
    return sum(1 << bits[name] for name in set(names))


def good_pixels(
    flux: npt.NDArray[np.float32],
    ivar: npt.NDArray[np.float32],
    and_mask: npt.NDArray[np.int32],
    reject: int,
) -> npt.NDArray[np.bool_]:
    """Tell which pixels carry information.

    Parameters
    ----------
    flux, ivar
        Arrays of the same shape.
    and_mask
        AND_MASK, of that shape.
    reject
        Bits of AND_MASK that make a pixel bad (see `bit_mask`).

    Returns
    -------
    ndarray of bool
        False where ivar is not a positive number, flux is not finite, or a rejected bit is set.
    """
    with np.errstate(invalid="ignore"):
        informative = (ivar > 0) & np.isfinite(ivar)
    good: npt.NDArray[np.bool_] = informative & np.isfinite(flux) & (and_mask & reject == 0)
    return good
