"""Compare the lines of two observations of one object, in units of the error of their difference.

Areas A and errors e of the first and second observation, continua C under the lines and widths W
(the continuum's wavelengths that weigh like the line: sqrt(2 pi) sigma, in A) make

    change = (A2 - s A1) / E
    E^2 = e2^2 + (s e1)^2 + (k (A2 + s A1) / 2)^2 + (q C2 W2)^2 + (q s C1 W1)^2
          + ((C2 - s C1) (W1 + W2) / 2)^2 + (t s A1)^2

- e are the formal errors, times the root of chi2 per pixel where a line fits worse than its noise.
- s, the scale of the pair, is the median of C2 / C1 over the lines, and t its error. It takes out
  what a spectrum is off as a whole, also where its flux is relative.
- k (``changes.calibration``) is what is left of the calibration from line to line: 6 %.
- q (``changes.continuum``) is how far the templates are off under a line in any spectrum: 2 %.
- C2 - s C1 is how far they are off in one spectrum and not in the other. Noise alone moves them
  under a Balmer line by some 10 %: their pixels there take no part in the fit.

Formal errors know of none of these. With them and k alone, 8 of 38 pairs of real galaxies and 113
of 644 of simulated ones that did not change do so by 5 sigma; with all terms none does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from galspec_spark.config import ChangesConfig
from galspec_spark.lines.formula import FORMULA_LINES, margin
from galspec_spark.spectrum.arrays import Array, Doubles

#: Lines compared: on the templates' continuum (others stand on a line through few pixels), and with
#: an amplitude of their own; less [O I] 5577, where the sky has it at low redshift.
COMPARED = (
    "h_gamma", "oiii_4363", "heii_4686", "h_beta", "oiii_5007", "heii_5412", "nii_5755", "hei_5876",
    "oi_6300", "siii_6312", "oi_6364", "nii_6548", "h_alpha", "nii_6583", "sii_6716", "sii_6731",
)  # fmt: skip
#: Share of the pairs of unchanged objects that may be candidates, by either way.
FALSE_SHARE = 0.005
#: What a margin is the least of: four detections and the ratio.
MARGIN_TERMS = len(FORMULA_LINES) + 1
#: Levels of the continuum that a scale needs, each of this S/N.
LEVELS, LEVEL_SN = 3, 3.0
#: Error of a median, in units of that of a mean.
OF_MEDIAN = np.sqrt(np.pi / 2)


@dataclass(frozen=True)
class Observations:
    """Measured lines of spectra, (n, lines) in the order of `COMPARED`; NaN: not measured."""

    area: Doubles
    area_err: Doubles
    continuum: Doubles
    continuum_err: Doubles
    width: Doubles  #: sqrt(2 pi) sigma in A, at the observed wavelength


@dataclass(frozen=True)
class Changes:
    """Changes from the first observations of pairs to the second; NaN where one is not known."""

    scale: Doubles  #: (n,) of the second flux to the first
    change: Doubles  #: (n, lines) in sigma, positive where the line grew
    margin_change: Doubles  #: (n,) in sigma, positive towards AGN


def compare(first: Observations, second: Observations, config: ChangesConfig) -> Changes:
    """Compare pairs of observations, a row each.

    The change of the margin is the formula's margin of the second areas less that of the first
    ones, scaled, both with the errors E: a deeper exposure of the same object has the same margin.
    Each term of it changes by about as much as a unit normal.
    """
    scale, scale_err = common_scale(first, second)
    s = scale[:, None]
    expected = s * first.area
    error = np.sqrt(
        second.area_err**2
        + (s * first.area_err) ** 2
        + (config.calibration * (second.area + expected) / 2) ** 2
        + (config.continuum * second.continuum * second.width) ** 2
        + (config.continuum * s * first.continuum * first.width) ** 2
        + ((second.continuum - s * first.continuum) * (first.width + second.width) / 2) ** 2
        + (scale_err[:, None] * expected) ** 2
    )
    change = (second.area - expected) / error
    four = [COMPARED.index(name) for name in FORMULA_LINES]
    after, before = (margin(area[:, four], error[:, four]) for area in (second.area, expected))
    return Changes(scale, change, after - before)


def common_scale(first: Observations, second: Observations) -> tuple[Doubles, Doubles]:
    """Return the scale (n,) of the second observations to the first, and its relative error.

    NaN where fewer than `LEVELS` continua have an S/N of `LEVEL_SN` in both.
    """
    noise = [seen.continuum_err / seen.continuum for seen in (first, second)]
    good = np.all([(part > 0) & (part < 1 / LEVEL_SN) for part in noise], axis=0)
    count = good.sum(axis=1)
    enough = count >= LEVELS
    scale, error = np.full((2, len(good)), np.nan)
    ratio = np.where(good, second.continuum / first.continuum, np.nan)[enough]
    each = np.where(good, np.hypot(*noise), np.nan)[enough]
    scale[enough] = np.nanmedian(ratio, axis=1)
    error[enough] = OF_MEDIAN * np.nanmedian(each, axis=1) / np.sqrt(count[enough])
    return scale, error


def needed_sigma(tried: Array | int) -> Doubles:
    """Return the sigma that the largest of some unit normals exceeds in `FALSE_SHARE` of all cases.

    It is what a change has to exceed where so many are looked at (Sidak's correction).
    """
    each = -np.expm1(np.log1p(-FALSE_SHARE) / np.maximum(tried, 1))
    return np.asarray(stats.norm.isf(each / 2))


def candidates(
    found: Changes, changed_class: npt.NDArray[np.bool_], sigma: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Tell which pairs have a line that changed, and which a class that changed beyond its errors.

    Parameters
    ----------
    changed_class
        Whether the formula calls one of a pair AGN, and not the other.
    sigma
        Change that a line needs; more where chance gives that too often to so many lines.
    """
    sizes = np.nan_to_num(np.abs(found.change))
    limit = np.maximum(sigma, needed_sigma(np.isfinite(found.change).sum(axis=1)))
    by_line = sizes.max(axis=1) > limit
    by_class = changed_class & (np.abs(found.margin_change) > needed_sigma(MARGIN_TERMS))
    return by_line, by_class
