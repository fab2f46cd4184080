"""The light of galaxies on the rest-frame grid, free of noise.

At rest, templates and lines have fixed places on the grid. Stars, dust and calibration errors are
then two matrix products for a batch, and a line touches one slice of columns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.simulate import continuum, emission, sky
from galspec_spark.simulate.dust import calzetti, cardelli
from galspec_spark.simulate.population import Population
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS, loglam, wavelength

Spectra = npt.NDArray[np.float32]

#: Widths of the templates, km/s: velocity dispersion and instrument in quadrature. Spectra of other
#: widths are interpolated.
WIDTHS = (60.0, 90.0, 120.0, 160.0, 200.0, 250.0, 320.0, 400.0, 500.0)
#: The spectrograph's resolution (sigma), km/s and pixels.
INSTRUMENT = float(np.mean(sky.curve(sky.RESOLUTION))) * continuum.KMS_PER_PIXEL
INSTRUMENT_PIXELS = INSTRUMENT / continuum.KMS_PER_PIXEL
#: Redshift of all galaxies where the observed frame matters little.
TYPICAL_REDSHIFT = 0.1
#: Sigma of the calibration errors: tilt, curvature, blue end, waves of some hundred A.
TILT, CURVATURE, BLUE, WAVES = 0.06, 0.02, 0.05, 0.006
WAVE_NODES = 24
#: Pixels drawn on either side of a narrow and of a broad line.
NARROW_HALF_WIDTH, BROAD_HALF_WIDTH = 30, 160
#: Broad lines relative to H alpha, in the order of `emission.BROAD`.
BROAD_RATIOS = np.array([0.12, 0.22, 0.40, 1.0])


class Light(NamedTuple):
    """Light of n galaxies: flux per Angstrom, about 1 at 5500 A."""

    model: Spectra  #: (n, PIXELS)
    continuum: Spectra  #: (n, PIXELS), without emission lines
    line_area: Array  #: (n, lines) of `emission.LINES`
    broad_area: Array  #: (n, len(emission.BROAD))


def light_of(rng: np.random.Generator, objects: Population) -> Light:
    """Return the light of n galaxies, each with its own calibration errors."""
    bare = _stars(objects)
    bare *= np.exp(_tilts(rng, objects) @ _tilt_basis())
    near = pixel_of(6565.0)
    level = bare[:, near - 40 : near + 41].mean(axis=1)
    line_area = objects.line_ew * level[:, None]
    broad_area = (objects.broad_ew * level)[:, None] * BROAD_RATIOS
    model = bare.copy()
    _draw_lines(model, objects, line_area, broad_area)
    return Light(model, bare, line_area, broad_area)


def position(wave: float) -> float:
    """Return where a wavelength in Angstrom lies on the grid, in pixels."""
    return float((np.log10(wave) - LOGLAM0) / LOGLAM_STEP)


def pixel_of(wave: float) -> int:
    """Return the pixel nearest to a wavelength in Angstrom."""
    return round(position(wave))


def profile(wave: float, columns: Array, centre: Array, sigma: Array) -> Spectra:
    """Return Gaussian lines of area 1.

    Parameters
    ----------
    wave
        The line's wavelength in Angstrom, for the width of a pixel.
    columns
        Pixels, shape (m,).
    centre, sigma
        Place and width in pixels, shape (n,).

    Returns
    -------
    ndarray of float32, shape (n, m)
        In 1/Angstrom.
    """
    inverse = (1 / sigma).astype(np.float32)[:, None]
    offset = (columns - centre[:, None]).astype(np.float32) * inverse
    peak = np.float32(1 / (np.sqrt(2 * np.pi) * wave * np.log(10) * LOGLAM_STEP))
    return np.asarray(peak * inverse * np.exp(np.float32(-0.5) * offset**2))


def line_widths(objects: Population) -> Array:
    """Return the widths of forbidden and of Balmer lines in pixels, shape (n, 2)."""
    return np.asarray(np.hypot(objects.line_sigma / continuum.KMS_PER_PIXEL, INSTRUMENT_PIXELS))


def _stars(objects: Population) -> Spectra:
    """Mix the templates, and for broad-line nuclei a power law."""
    mix = np.stack([1 - objects.metallicity, objects.metallicity], axis=1)
    populations = (objects.light[:, :, None] * mix[:, None, :]).reshape(len(mix), -1)
    weights = np.concatenate([populations, objects.abundance], axis=1)
    weights *= (1 - objects.power_law)[:, None]
    width = np.hypot(objects.dispersion, INSTRUMENT)
    between = _between_widths(width)
    by_width = (between[:, :, None] * weights[:, None, :]).reshape(len(mix), -1)
    mixture = np.concatenate([by_width, objects.power_law[:, None]], axis=1)
    return np.asarray(mixture.astype(np.float32) @ _templates())


def _between_widths(width: Array) -> Array:
    """Return the weights of the templates of each width, shape (n, len(WIDTHS)).

    A narrow profile depends on its width squared, so the weights are linear in the square.
    """
    nodes = np.square(WIDTHS)
    return np.stack([np.interp(width**2, nodes, unit) for unit in np.eye(len(nodes))], axis=1)


@lru_cache(maxsize=1)
def _templates() -> Spectra:
    """Return the templates of all widths, and a power law, shape (components, PIXELS)."""
    ages, abundances = len(continuum.AGES), len(continuum.ABUNDANCES)
    populations = 2 * ages
    n = populations + abundances
    light, metallicity, abundance = np.zeros((n, ages)), np.zeros(n), np.zeros((n, abundances))
    light[:populations] = np.repeat(np.eye(ages), 2, axis=0)
    metallicity[:populations] = np.tile([0.0, 1.0], ages)
    abundance[populations:] = np.eye(abundances)
    zero = np.zeros(n)
    at_rest = [
        continuum.continua(light, metallicity, abundance, zero + width, zero, zero, loglam())
        for width in WIDTHS
    ]
    power_law = (wavelength() / continuum.REFERENCE) ** -1.5
    return np.concatenate([*at_rest, power_law[None, :].astype(np.float32)])


def _tilts(rng: np.random.Generator, objects: Population) -> Spectra:
    """Draw the strength of each curve of `_tilt_basis`, shape (n, curves)."""
    magnitude = -0.4 * np.log(10)
    errors = rng.normal(size=(len(objects.kind), 3 + WAVE_NODES))
    errors *= [TILT, CURVATURE, BLUE, *[WAVES] * WAVE_NODES]
    dust = magnitude * np.stack([objects.a_v, objects.foreground], axis=1)
    return np.concatenate([dust, errors], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _tilt_basis() -> Spectra:
    """Return the curves of dust and calibration errors (log of flux), shape (curves, PIXELS)."""
    observed = wavelength() * (1 + TYPICAL_REDSHIFT)
    x = 2 * (np.log10(observed) - sky.LOGLAM0) / (sky.PIXELS * sky.STEP) - 1
    blue = np.clip((4050 - observed) / 270, 0, 1) ** 1.5
    nodes = np.linspace(0, PIXELS - 1, WAVE_NODES)
    distance = np.abs(np.arange(PIXELS) - nodes[:, None]) / (nodes[1] - nodes[0])
    bumps = 0.5 + 0.5 * np.cos(np.pi * distance.clip(0, 1))
    curves = [calzetti(wavelength()), cardelli(observed), x, x**2 - 1 / 3, blue, *bumps]
    return np.asarray(curves, dtype=np.float32)


def _draw_lines(model: Spectra, objects: Population, line_area: Array, broad_area: Array) -> None:
    sigma = line_widths(objects).T
    shift = objects.line_velocity / continuum.KMS_PER_PIXEL
    for i, (name, wave) in enumerate(emission.WAVELENGTHS.items()):
        first = max(pixel_of(wave) - NARROW_HALF_WIDTH, 0)
        stop = min(pixel_of(wave) + NARROW_HALF_WIDTH + 1, PIXELS)
        if first < stop:
            width = sigma[1 if name.startswith("h_") else 0]
            drawn = profile(wave, np.arange(first, stop), position(wave) + shift, width)
            model[:, first:stop] += line_area[:, i, None].astype(np.float32) * drawn
    for i, name in enumerate(emission.BROAD):
        centre = emission.WAVELENGTHS[name] * 10 ** (LOGLAM_STEP * shift)
        spread = centre * objects.broad_sigma / continuum.KMS_PER_PIXEL * np.log(10) * LOGLAM_STEP
        emission.draw(model, loglam(), centre, broad_area[:, i], spread, BROAD_HALF_WIDTH)
