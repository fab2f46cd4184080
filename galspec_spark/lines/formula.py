"""SDSS's SUBCLASS from measured lines (idlspec2d, spreduce1d), and how far a spectrum is from AGN.

The classes are those of the pipeline's formula: agreement with it is agreement with software.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from galspec_spark.spectrum.arrays import Array, Doubles

#: Lines that the formula uses, in the order of its arguments.
FORMULA_LINES = ("h_beta", "oiii_5007", "h_alpha", "nii_6583")
#: S/N that each of them needs.
DETECTED = 3.0
#: AGN: [O III] times [N II]^POWER above 10^LIMIT times H beta times H alpha^POWER.
POWER, LIMIT = 1.2, 0.22
#: Equivalent width of H alpha beyond which star formation is a burst, in A.
STARBURST_WIDTH = 50.0
#: How far two fits of a continuum differ under a line, beyond formal errors, as a share of it. Of 0
#: to 10 %, this calibrates the survival of labels best on 1,467 pairs of simulated spectra.
CONTINUUM_ERROR = 0.05
#: Second looks that are drawn at each spectrum: of 400, 40,000 looks at random differ from their
#: share by 0.005 (rms), and by 0.022 at most.
LOOKS = 512
#: Of their Halton sequence, one a line.
BASES = np.array([2, 3, 5, 7])
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
    detected, agn = _is_detected(area, area_err), _is_agn(area, area_err)
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


def survival(area: Doubles, area_err: Doubles, under: Doubles) -> Doubles:
    """Return the probability that a second look at a spectrum says the same: AGN, or not.

    A second look, as noisy as the first, differs from it by the errors of both: in each area by a
    normal deviate of sqrt(2) errors. This is the share of LOOKS such looks that say the same, shape
    (n,); NaN where a line was not measured. The looks are the same for all spectra, a Halton
    sequence (1960, Numer. Math. 2, 84), so the same areas always give the same number.

    Parameters
    ----------
    area, area_err
        Shape (n, 4), of FORMULA_LINES.
    under
        Shape (n, 4), the continuum under each line in units of the area: its level times
        sqrt(2 pi) sigma. The errors of its fit, CONTINUUM_ERROR of it, are not in ``area_err``.
    """
    first = _is_agn(area, area_err)
    error = np.hypot(area_err, CONTINUUM_ERROR * under)
    same = np.zeros(len(area))
    for look in _looks():
        same += _is_agn(area + look * error, area_err) == first
    return np.where((area_err > 0).all(axis=1), same / LOOKS, np.nan)


@cache
def _looks() -> Doubles:
    return np.asarray(np.sqrt(2) * ndtri(_halton(LOOKS)))


def _halton(count: int) -> Doubles:
    """Return the first points of a Halton sequence after 0, shape (count, len(FORMULA_LINES)).

    scipy.stats has it too, and takes each Python process of Spark a third of a second to import.
    """
    points = np.zeros((count, len(BASES)))
    digits, place = np.arange(1, count + 1)[:, None], np.ones(len(BASES))
    while digits.any():
        place /= BASES
        digits, digit = np.divmod(digits, BASES)
        points += place * digit
    return points


def _is_detected(area: Doubles, area_err: Doubles) -> npt.NDArray[np.bool_]:
    return np.asarray(((area_err > 0) & (area > DETECTED * area_err)).all(axis=1))


def _is_agn(area: Doubles, area_err: Doubles) -> npt.NDArray[np.bool_]:
    return _is_detected(area, area_err) & (log_ratio(area) > LIMIT)


def log_ratio(area: Doubles) -> Array:
    """Return log10 of [O III] [N II]^POWER over H beta H alpha^POWER, NaN where not positive."""
    h_beta, oiii, h_alpha, nii = np.log10(np.where(area > 0, area, np.nan)).T
    return np.asarray(oiii + POWER * nii - h_beta - POWER * h_alpha)
