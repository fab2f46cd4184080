"""The fits of emission lines at rest, from which `linefit.classify` reads SUBCLASS.

As in `linefit`: a fitted line is the true line, plus the noise of its pixels projected on a
Gaussian of known place and width, plus the stellar absorption under the line that the templates
leave.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.simulate.continuum import KMS_PER_PIXEL
from galspec_spark.simulate.emission import BROAD, LINES
from galspec_spark.simulate.linefit import FITTED, Fits
from galspec_spark.simulate.population import Population
from galspec_spark.simulate.restframe_light import Light, line_widths, pixel_of, position, profile
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import PIXELS

#: Pixels fitted on either side of a line.
HALF_WIDTH = 12
#: The lines of SPZLINE that lie on the grid.
ON_GRID = [
    i
    for i, line in enumerate(FITTED)
    if HALF_WIDTH <= pixel_of(line.wavelength) < PIXELS - HALF_WIDTH
]
BALMER = np.array([line.balmer for line in FITTED])


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
        Area, equivalent width and width of each line; lines off the grid or in a gap have errors
        of -1. Columns that `linefit.classify` does not read are 0.
    """
    n = len(objects.kind)
    true, broad = _true_areas(light)
    sigma = _true_widths(objects, true, broad)
    total = line_widths(objects)
    added, error, level = np.zeros((n, len(FITTED))), np.full((n, len(FITTED)), np.inf), true * 0
    for i in ON_GRID:
        at = pixel_of(FITTED[i].wavelength)
        columns = slice(at - HALF_WIDTH, at + HALF_WIDTH + 1)
        centre = np.full(n, position(FITTED[i].wavelength))
        pixels = np.arange(columns.start, columns.stop)
        line = profile(FITTED[i].wavelength, pixels, centre, total[:, int(FITTED[i].balmer)])
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
    columns = dict.fromkeys(Fits._fields, np.zeros_like(area))
    for name, value, uncertainty in (
        ("area", area, error),
        ("ew", area / safe, error / safe),
        ("sigma", sigma, sigma_err),
        ("level", level, np.zeros_like(level)),
    ):
        columns[name] = np.where(seen, value, 0)
        columns[f"{name}_err"] = np.where(seen, uncertainty, -1)
    return Fits(**columns)
