"""SDSS's SUBCLASS from measured lines (idlspec2d, spreduce1d), and how far a spectrum is from AGN.

The classes are those of the pipeline's formula: agreement with it is agreement with software.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Array, Doubles

#: Lines that the formula uses, in the order of its arguments.
FORMULA_LINES = ("h_beta", "oiii_5007", "h_alpha", "nii_6583")
#: S/N that each of them needs.
DETECTED = 3.0
#: AGN: [O III] times [N II]^POWER above 10^LIMIT times H beta times H alpha^POWER.
POWER, LIMIT = 1.2, 0.22
#: Equivalent width of H alpha beyond which star formation is a burst, in A.
STARBURST_WIDTH = 50.0
#: BROADLINE: a line of this S/N whose width, less this many errors, is above a limit in km/s.
BROAD_SN, BROAD_ERRORS, BROAD_WIDTH = 10.0, 5.0, 200.0


def subclass(
    area: Doubles, area_err: Doubles, h_alpha_ew: Doubles, h_alpha_ew_err: Doubles
) -> npt.NDArray[np.str_]:
    """Classify by the formula: AGN, STARFORMING, STARBURST, or empty.

    Parameters
    ----------
    area, area_err
        Shape (n, 4), of FORMULA_LINES; an error that is not positive marks a line not measured.
    h_alpha_ew, h_alpha_ew_err
        Shape (n,), equivalent width in A, positive in emission.
    """
    detected = ((area_err > 0) & (area > DETECTED * area_err)).all(axis=1)
    agn = detected & (log_ratio(area) > LIMIT)
    burst = (h_alpha_ew > STARBURST_WIDTH) & (h_alpha_ew > DETECTED * h_alpha_ew_err)
    choices = [agn, detected & burst, detected]
    return np.select(choices, ["AGN", "STARBURST", "STARFORMING"], "")


def is_broad(
    area: Doubles, area_err: Doubles, sigma: Doubles, sigma_err: Doubles
) -> npt.NDArray[np.bool_]:
    """Tell which spectra have a broad line, given all lines, shape (n, lines), widths in km/s.

    As in SDSS, a line without a good pixel, whose error is -2, counts as strong: its area, 0, is
    above 10 times that.
    """
    strong = np.nan_to_num(area) > BROAD_SN * area_err
    wide = sigma - BROAD_ERRORS * sigma_err > BROAD_WIDTH
    return np.asarray((strong & wide).any(axis=1))


def margin(area: Doubles, area_err: Doubles) -> Doubles:
    """Return by how many sigma a spectrum is AGN by the formula; below 0 it is not.

    The least of what the four detections and the ratio have to spare, shape (n,); NaN where a line
    was not measured. The error of the ratio is that of its logarithm, to first order.
    """
    measured = (area_err > 0).all(axis=1)
    error = np.where(area_err > 0, area_err, 1.0)
    spare = (area / error).min(axis=1) - DETECTED
    relative = error / np.where(area > 0, area, np.nan)
    powers = np.array([1, 1, POWER, POWER])
    ratio_err = np.sqrt(((powers * relative) ** 2).sum(axis=1)) / np.log(10)
    beyond = (log_ratio(area) - LIMIT) / ratio_err
    return np.where(measured, np.fmin(spare, beyond), np.nan)


def log_ratio(area: Doubles) -> Array:
    """Return log10 of [O III] [N II]^POWER over H beta H alpha^POWER, NaN where not positive."""
    h_beta, oiii, h_alpha, nii = np.log10(np.where(area > 0, area, np.nan)).T
    return np.asarray(oiii + POWER * nii - h_beta - POWER * h_alpha)
