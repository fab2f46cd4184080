"""Named bits of SDSS masks, and which pixels they make bad.

Bit numbers: SDSS SPPIXMASK and ZWARNING, https://www.sdss4.org/dr17/algorithms/bitmasks/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

#: SPPIXMASK: the meaning of a pixel's AND_MASK and OR_MASK. Bits 0-12 concern a whole fibre.
PIXEL_MASK_BITS: dict[str, int] = {
    "NOPLUG": 0,  # fibre not listed in the plug map
    "BADTRACE": 1,  # bad trace from the flat field
    "BADFLAT": 2,  # low counts in the fibre flat
    "BADARC": 3,  # bad arc solution
    "MANYBADCOLUMNS": 4,  # more than 10 % of pixels are bad columns
    "MANYREJECTED": 5,  # more than 10 % of pixels rejected in extraction
    "LARGESHIFT": 6,  # large spatial shift between flat and object
    "BADSKYFIBER": 7,  # sky fibre with extreme residuals
    "NEARWHOPPER": 8,  # within 2 fibres of a very bright one
    "WHOPPER": 9,  # a very bright source
    "SMEARIMAGE": 10,  # smear available for red and blue
    "SMEARHIGHSN": 11,  # smear at high S/N
    "SMEARMEDSN": 12,  # smear at medium S/N
    "NEARBADPIXEL": 16,  # bad pixel within 3 pixels of the trace
    "LOWFLAT": 17,  # flat field below 0.5
    "FULLREJECT": 18,  # all pixels of the extraction rejected
    "PARTIALREJECT": 19,  # some pixels of the extraction rejected
    "SCATTEREDLIGHT": 20,  # scattered light is significant
    "CROSSTALK": 21,  # cross-talk is significant
    "NOSKY": 22,  # sky level unknown here
    "BRIGHTSKY": 23,  # sky level above flux + 10 sigma and above 1.25 times the local sky
    "NODATA": 24,  # no data available in B-spline
    "COMBINEREJ": 25,  # rejected when combining exposures
    "BADFLUXFACTOR": 26,  # low flux calibration or correction factor
    "BADSKYCHI": 27,  # relative chi^2 above 3 in sky residuals
    "REDMONSTER": 28,  # a contiguous region of bad chi^2 in sky residuals
}

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
        Arrays of any one shape.
    and_mask
        AND_MASK of the same shape.
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
