"""Stellar continua: light of stars of different ages and metallicities, dust, velocity dispersion.

A star type is a Planck curve times its absorption (see `stellar_lines`); a population of one age is
a sum of star types, brought near to real stars (see `nearest_stars`); a galaxy is a sum of ages.
The sum, its broadening and its redshift are one product and one inverse Fourier transform for a
whole batch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.simulate.dust import calzetti, transmission
from galspec_spark.simulate.nearest_stars import like_stars
from galspec_spark.simulate.stellar_lines import (
    BANDS,
    CALCIUM_LINES,
    METAL_LINES,
    SPECIES,
    TEMPERATURES,
    balmer,
    vacuum,
)
from galspec_spark.spectrum.arrays import Array

#: The grid of the templates: rest frame 1462 to 9640 A in steps of 1e-4 dex, a power of two long.
LOGLAM0, STEP, PIXELS = 3.1650, 1e-4, 8192
#: Width of one pixel in km/s.
KMS_PER_PIXEL = 299792.458 * np.log(10) * STEP
#: Velocity width that the templates already have, km/s.
TEMPLATE_SIGMA = 50.0
#: Wavelength where continua are normalised to 1, Angstrom.
REFERENCE = 5500.0

#: Share of the light at 5500 A by star type (rows: 0.01, 0.1, 0.5, 1.5, 5 and 12 Gyr).
AGES = (0.01, 0.1, 0.5, 1.5, 5.0, 12.0)
LIGHT_BY_AGE = np.array(
    [
        [0.75, 0.10, 0.05, 0.02, 0.02, 0.04, 0.02],
        [0.10, 0.50, 0.20, 0.05, 0.05, 0.07, 0.03],
        [0.00, 0.10, 0.50, 0.15, 0.08, 0.13, 0.04],
        [0.00, 0.00, 0.10, 0.45, 0.19, 0.21, 0.05],
        [0.00, 0.00, 0.00, 0.18, 0.39, 0.37, 0.06],
        [0.00, 0.00, 0.00, 0.09, 0.38, 0.47, 0.06],
    ]
)
#: Metal strengths of the two metallicities that bracket a galaxy's.
METALLICITIES = (0.45, 1.35)
#: Species whose abundance varies on its own from galaxy to galaxy.
ABUNDANCES = ("Fe", "Mg", "Na", "CN", "Ca", "TiO", "haze")
#: Equivalent widths of the Balmer lines from H alpha on, in the Sun, Angstrom.
BALMER_WIDTHS = (2.6, 3.3, 3.0, 3.0, 2.4, 2.2, 1.8, 1.4, 1.1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2)

#: Equivalent widths in A, from H alpha on, that the templates leave of the Balmer absorption.
#: H beta's makes the classes as frequent as among real galaxies (tests/studies/test_realism.py).
BALMER_EXCESS = (0.15, 1.15, 0.75, 1.95)


class Templates(NamedTuple):
    """The Fourier transforms of all components, complex64 (components, PIXELS // 2 + 1)."""

    populations: npt.NDArray[np.complex64]  #: by age and metallicity, metallicity running fastest
    abundances: npt.NDArray[np.complex64]  #: change of the oldest population per unit of strength


def wavelength() -> npt.NDArray[np.float64]:
    """Return the templates' wavelengths in Angstrom, shape (PIXELS,)."""
    return np.asarray(10.0 ** (LOGLAM0 + STEP * np.arange(PIXELS)))


@lru_cache(maxsize=1)
def templates() -> Templates:
    """Build the templates (once per process, about 0.1 s)."""
    opacity = _opacities()
    populations = [
        _population(light, metals, opacity, {})
        for light in LIGHT_BY_AGE
        for metals in METALLICITIES
    ]
    step = 0.05
    old = _population(LIGHT_BY_AGE[-1], 1.0, opacity, {})
    changes = [
        (_population(LIGHT_BY_AGE[-1], 1.0, opacity, {name: 1 + step}) - old) / step
        for name in ABUNDANCES
    ]
    stars = like_stars(np.asarray(populations), wavelength())
    stars -= _balmer_excess() * np.asarray(populations)
    return Templates(_transform(stars), _transform(like_stars(np.asarray(changes), wavelength())))


def continua(
    light: Array,
    metallicity: Array,
    abundance: Array,
    sigma: Array,
    redshift: Array,
    a_v: Array,
    loglam: Array,
) -> npt.NDArray[np.float32]:
    """Return the stellar continua of a batch on the observed grid.

    Parameters
    ----------
    light
        Share of the light at 5500 A by age, shape (n, len(AGES)).
    metallicity
        Between 0 (poor) and 1 (rich), shape (n,); a little beyond is fine.
    abundance
        Strength of each of ABUNDANCES minus 1, shape (n, len(ABUNDANCES)).
    sigma
        Velocity dispersion and instrument in quadrature, km/s, shape (n,).
    redshift, a_v
        Redshift, and attenuation in V of the starlight in magnitudes, shape (n,).
    loglam
        log10 of the observed wavelengths in Angstrom, a grid of step STEP, shape (pixels,).

    Returns
    -------
    ndarray of float32, shape (n, pixels)
        Flux per Angstrom, 1 at 5500 A rest frame before dust.
    """
    basis = templates()
    mix = np.stack([1 - metallicity, metallicity], axis=1)
    weights = (light[:, :, None] * mix[:, None, :]).reshape(len(light), -1)
    spectrum = weights.astype(np.float32) @ basis.populations
    spectrum += abundance.astype(np.float32) @ basis.abundances
    frequency = np.arange(PIXELS // 2 + 1) / PIXELS
    width = np.sqrt(np.maximum(sigma**2 - TEMPLATE_SIGMA**2, 1.0)) / KMS_PER_PIXEL
    start = (loglam[0] - np.log10(1 + redshift) - LOGLAM0) / STEP
    exponent = (
        -2 * (np.pi * width[:, None] * frequency) ** 2 + 2j * np.pi * start[:, None] * frequency
    )
    spectrum *= np.exp(exponent.astype(np.complex64))
    flux = np.fft.irfft(spectrum, n=PIXELS)[:, : len(loglam)]
    rest = 10.0 ** (loglam[None, :] - np.log10(1 + redshift)[:, None])
    return np.asarray(flux * transmission(calzetti(rest), a_v[:, None]), dtype=np.float32)


def _balmer_excess() -> Array:
    """Return the share of the light that stars absorb beyond what templates foresee, (PIXELS,)."""
    wave = wavelength()
    absorbed = np.zeros(PIXELS)
    for n, width in enumerate(BALMER_EXCESS, start=3):
        _add_line(absorbed, wave, float(balmer(n)), width, 4.0, wing=0.0)
    return absorbed


def _transform(spectra: Array) -> npt.NDArray[np.complex64]:
    return np.fft.rfft(spectra).astype(np.complex64)


def _population(
    light: Array, metals: float, opacity: dict[str, Array], enhanced: dict[str, float]
) -> Array:
    """Add up the star types; metal-rich populations get a larger share of cool giants."""
    cooler = metals ** np.array([0, 0, -0.1, -0.1, -0.05, 0.1, 0.4])
    share = light * cooler / np.sum(light * cooler)
    total = np.zeros(PIXELS)
    for i, temperature in enumerate(TEMPERATURES):
        if share[i] == 0:
            continue
        depth = np.zeros(PIXELS)
        for name, profile in opacity.items():
            scale = SPECIES[name][i] * enhanced.get(name, 1.0)
            depth += profile * (scale if name in ("H", "He") else scale * metals)
        star = _planck(temperature) * np.exp(-depth)
        total += share[i] * star / _level(star)
    return total / _level(total)


def _planck(temperature: float) -> Array:
    """Return a black body's spectrum; stars below 6500 K get an excess in the far red."""
    wave = wavelength()
    excess = (wave / 6900.0).clip(1) ** (0.9 if temperature < 6500 else 0.0)
    return np.asarray(excess * 1e18 * wave**-5.0 / np.expm1(1.43878e8 / (wave * temperature)))


def _level(spectrum: Array) -> float:
    near = np.abs(wavelength() - REFERENCE) < 40
    return float(np.median(spectrum[near]))


def _opacities() -> dict[str, Array]:
    """Return the optical depth of each species at solar strength."""
    wave = wavelength()
    opacity = {name: np.zeros(PIXELS) for name in SPECIES}
    for name, lines in METAL_LINES.items():
        for air, width in lines:
            centre = float(vacuum(air))
            sigma = centre * TEMPLATE_SIGMA / 299792.458
            _add_line(opacity[name], wave, centre, 1e-3 * width, sigma, wing=0.0)
    for air, width in CALCIUM_LINES:
        _add_line(opacity["CaII"], wave, float(vacuum(air)), 1e-3 * width, 1.2, wing=4.0)
    for n, width in enumerate(BALMER_WIDTHS, start=3):
        centre = float(balmer(n))
        wing = min(7.0, 0.35 * float(centre - balmer(n + 1)))
        _add_line(opacity["H"], wave, centre, width, 1.5, wing)
    opacity["H"] += 0.22 / (1 + np.exp((wave - 3660.0) / 12.0)) * (wave / 3650.0) ** 3
    for name, head, end, depth in BANDS:
        opacity[name] += depth * _band(wave, float(vacuum(head)), float(vacuum(end)))
    opacity["haze"] = _haze(wave)
    return opacity


def _add_line(
    target: Array, wave: Array, centre: float, width: float, sigma: float, wing: float
) -> None:
    """Add a line of equivalent width `width`; a wing is exponential and holds most of it."""
    near = slice(
        *np.searchsorted(wave, (centre - 12 * (sigma + wing), centre + 12 * (sigma + wing)))
    )
    offset = np.abs(wave[near] - centre)
    core = np.exp(-0.5 * (offset / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    if wing:
        core = 0.3 * core + 0.7 * np.exp(-offset / wing) / (2 * wing)
    target[near] += width * core


def _band(wave: Array, head: float, end: float) -> Array:
    """Return a band: 1 at its sharp head, fading to 0 at `end` on either side of the head."""
    phase = (wave - head) / (end - head)
    return np.where((phase >= 0) & (phase <= 1), (1 - np.clip(phase, 0, 1)) ** 1.2, 0.0)


def _haze(wave: Array) -> Array:
    """Return the opacity of weak metal lines: it grows to the blue, steepest at 4000 A."""
    step = 0.16 / (1 + np.exp((wave - 3985.0) / 18.0))
    return np.asarray(step + 0.18 * np.exp(-(wave - 4000.0) / 350.0).clip(0, 12))
