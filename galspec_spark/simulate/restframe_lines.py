"""The fits of emission lines at rest, and the SUBCLASS that follows from them.

Too many spectra are simulated to fit each: a fitted line is the true line, plus the noise of its
pixels projected on a Gaussian of known place and width, plus the stellar absorption under the line
that the templates leave.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.formula import is_broad, subclass
from galspec_spark.simulate.continuum import KMS_PER_PIXEL
from galspec_spark.simulate.emission import BROAD, LINES
from galspec_spark.simulate.population import Population
from galspec_spark.simulate.restframe_light import Light, line_widths, pixel_of, position, profile
from galspec_spark.spectrum.arrays import Array

#: Pixels fitted on either side of a line.
HALF_WIDTH = 12


class FittedLine(NamedTuple):
    """A line of SPZLINE."""

    name: str  #: LINENAME
    wavelength: float  #: vacuum, A
    lines: tuple[str, ...] = ()  #: the `emission.LINES` that fall into it
    residual: float = 0.0  #: EW in A that the templates leave behind
    scatter: float = 0.15  #: of the residual, from galaxy to galaxy
    balmer: bool = False  #: width tied to the Balmer lines (SDSS ties H gamma elsewhere)


#: The lines of SPZLINE that lie on the grid.
FITTED: tuple[FittedLine, ...] = (
    FittedLine("[O_II] 3725", 3727.091726797987, ("oii_3726",), 0.2, 0.8),
    FittedLine("[O_II] 3727", 3729.875447997208, ("oii_3729",), 0.2, 0.8),
    FittedLine("[Ne_III] 3868", 3869.8567972272717, ("neiii_3869",), 1.5, 0.8),
    FittedLine("H_epsilon", 3890.1510799166767, ("h_8",), -1.2, 0.4, balmer=True),
    FittedLine("[Ne_III] 3970", 3971.1231872114904, ("neiii_3968", "h_epsilon"), -4.5, 1.0),
    FittedLine("H_delta", 4102.891630872568, ("h_delta",), -1.95, 0.35, balmer=True),
    FittedLine("H_gamma", 4341.684312649426, ("h_gamma",), -0.75, 0.35),
    FittedLine("[O_III] 4363", 4364.435300399844, ("oiii_4363",), 0.0, 0.25),
    FittedLine("He_II 4685", 4686.991444195157, ("heii_4686",), 0.1, 0.2),
    FittedLine("H_beta", 4862.682993731257, ("h_beta",), -0.95, 0.25, balmer=True),
    FittedLine("[O_III] 4959", 4960.2949014467185, ("oiii_4959",), 0.0, 0.08),
    FittedLine("[O_III] 5007", 5008.239637728127, ("oiii_5007",), 0.0, 0.12),
    FittedLine("He_II 5411", 5413.024422565308, (), -0.05, 0.15),
    FittedLine("[O_I] 5577", 5578.887703795193, (), 0.0, 0.1),
    FittedLine("[O_I] 6300", 6302.046376726897, ("oi_6300",), 0.02, 0.12),
    FittedLine("[S_III] 6312", 6313.805532906624, (), 0.0, 0.1),
    FittedLine("[O_I] 6363", 6365.535419574267, ("oi_6363",), 0.0, 0.1),
    FittedLine("[N_II] 6548", 6549.858929253789, ("nii_6548",), 0.0, 0.15),
    FittedLine("H_alpha", 6564.613894333284, ("h_alpha",), -0.15, 0.2, balmer=True),
    FittedLine("[N_II] 6583", 6585.2684452471885, ("nii_6583",), 0.0, 0.2),
    FittedLine("[S_II] 6716", 6718.29420811581, ("sii_6716",), 0.0, 0.15),
    FittedLine("[S_II] 6730", 6732.678076327587, ("sii_6731",), 0.05, 0.15),
)
INDEX = {line.name: i for i, line in enumerate(FITTED)}
#: The lines of the formula, in its order.
FORMULA = [INDEX[name] for name in ("H_beta", "[O_III] 5007", "H_alpha", "[N_II] 6583")]
BALMER = np.array([line.balmer for line in FITTED])


class Fits(NamedTuple):
    """Fitted lines, each (n, len(FITTED)); those in a gap are 0, with errors of -1."""

    area: Array
    area_err: Array
    ew: Array
    ew_err: Array
    sigma: Array  #: km/s
    sigma_err: Array


#: Fits of a line in a gap.
MISSING = Fits(*map(np.array, (0, -1, 0, -1, 0, -1)))


def classify(fits: Fits) -> npt.NDArray[np.str_]:
    """Return SUBCLASS of n galaxies by SDSS's formula, with BROADLINE, shape (n,)."""
    of_formula = fits.area[:, FORMULA], fits.area_err[:, FORMULA]
    width = [column[:, INDEX["H_alpha"]] for column in (fits.ew, fits.ew_err)]
    found = subclass(*of_formula, *width)
    broad = is_broad(fits.area, fits.area_err, fits.sigma, fits.sigma_err)
    return np.char.strip(np.char.add(found, np.where(broad, " BROADLINE", "")))


def fit_lines(
    rng: np.random.Generator,
    objects: Population,
    light: Light,
    noise: npt.NDArray[np.float32],
    ivar: npt.NDArray[np.float32],
) -> Fits:
    """Measure the lines of n spectra.

    Parameters
    ----------
    noise, ivar
        Noise added to the light, and its inverse variance, shape (n, PIXELS).

    Returns
    -------
    Fits
        Area, equivalent width and width of each line; lines in a gap have errors of -1.
    """
    n = len(objects.kind)
    true, broad = _true_areas(light)
    sigma = _true_widths(objects, true, broad)
    total = line_widths(objects)
    added, error, level = np.zeros((n, len(FITTED))), np.full((n, len(FITTED)), np.inf), true * 0
    for i, fitted in enumerate(FITTED):
        at = pixel_of(fitted.wavelength)
        columns = slice(at - HALF_WIDTH, at + HALF_WIDTH + 1)
        centre = np.full(n, position(fitted.wavelength))
        pixels = np.arange(columns.start, columns.stop)
        line = profile(fitted.wavelength, pixels, centre, total[:, int(fitted.balmer)])
        weight = line * ivar[:, columns]
        around = noise[:, columns] - noise[:, columns].mean(axis=1, keepdims=True)
        information = np.einsum("ij,ij->i", line, weight)
        informed = information > 0
        projected = np.einsum("ij,ij->i", weight, around)
        added[informed, i] = projected[informed] / information[informed]
        error[informed, i] = 1.15 / np.sqrt(information[informed])
        level[:, i] = light.continuum[:, at]
    area = true + broad + added + _residuals(rng, objects, sigma) * level
    return _fits(area, error, level, sigma, total)


def _true_areas(light: Light) -> tuple[Array, Array]:
    """Return the narrow and the broad flux that falls into each fitted line, (n, len(FITTED))."""
    narrow = np.zeros((len(light.model), len(FITTED)))
    broad = np.zeros_like(narrow)
    for i, line in enumerate(FITTED):
        for name in line.lines:
            narrow[:, i] += light.line_area[:, LINES.index(name)]
            if name in BROAD:
                broad[:, i] += light.broad_area[:, BROAD.index(name)]
    return narrow, broad


def _true_widths(objects: Population, narrow: Array, broad: Array) -> Array:
    """Return the lines' widths in km/s, a broad component weighted by its share of the flux."""
    sigma = np.where(BALMER, objects.line_sigma[:, 1:], objects.line_sigma[:, :1])
    share = np.divide(broad, narrow + broad, out=np.zeros_like(broad), where=broad > 0)
    return np.asarray(sigma + share * (objects.broad_sigma[:, None] - sigma))


def _residuals(rng: np.random.Generator, objects: Population, sigma: Array) -> Array:
    """Return the equivalent widths in Angstrom that the templates leave behind."""
    mean = np.array([line.residual for line in FITTED])
    scatter = np.array([line.scatter for line in FITTED])
    residual = mean + scatter * rng.normal(size=sigma.shape)
    return np.asarray(
        residual * (1 - objects.power_law)[:, None] * np.sqrt(sigma.clip(60, 400) / 250)
    )


def _fits(area: Array, error: Array, level: Array, sigma: Array, total: Array) -> Fits:
    """Fill the columns; strong lines make the error of their group's width small."""
    seen = np.isfinite(error) & (level > 0)
    strength = np.where(seen & (area > 3 * error), area / error, 0)
    sigma_err = np.zeros_like(area)
    for group, width in ((~BALMER, total[:, 0]), (BALMER, total[:, 1])):
        sn = np.sqrt(np.sum(strength[:, group] ** 2, axis=1)).clip(1.5)
        spread = 0.8 * (width * KMS_PER_PIXEL) ** 2 / sn
        sigma_err[:, group] = spread[:, None] / sigma[:, group]
    safe = np.where(seen, level, 1)
    values = area, error, area / safe, error / safe, sigma, sigma_err
    return Fits(
        *(np.where(seen, value, missing) for value, missing in zip(values, MISSING, strict=True))
    )
