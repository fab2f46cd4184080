"""Galaxies made of templates and lines, of which everything is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.interpolate import CubicSpline

from galspec_spark.lines.linelist import line_lists
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import DISPERSIONS, LIGHT_SPEED, Templates
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP
from studies.basis.write import seen_table

PIXELS = 3840
LOGLAM0 = 3.58
LINES = line_lists()["sdss"]


def some_templates() -> Templates:
    """Return smooth spectra with narrow structure, but none under the lines.

    What stars leave under a line is not in its formal error, here as in SDSS's pipeline.
    """
    rng = np.random.default_rng(1)
    pixel = np.arange(2169)
    smooth = rng.normal(size=(24, 30)).cumsum(axis=1)
    knots = np.linspace(0, 2168, 30)
    broad = CubicSpline(knots, smooth, axis=1)(pixel)
    narrow = np.apply_along_axis(np.convolve, 1, rng.normal(size=(24, 2169)), np.hanning(9), "same")
    place = (np.log10(LINES.wavelength) - 3.6155) / LOGLAM_STEP
    near = (np.abs(pixel[:, None] - place) < 45).any(axis=1)
    return Templates("test", "", 3.6155, broad + narrow * ~near)


def write_templates(path: Path, loglam0: float = 3.6155, seen: Sequence[str] = ()) -> str:
    """Write templates as SDSS does, and the keys that they have seen; return their path."""
    image = fits.PrimaryHDU(some_templates().vectors.astype("f4"))
    image.header["COEFF0"], image.header["COEFF1"] = loglam0, 1e-4
    tables = [seen_table(np.array(seen))] if seen else []
    fits.HDUList([image, *tables]).writeto(path, overwrite=True)
    return str(path)


def continuum_of(templates: Templates, loglam0: Doubles, dispersion: int) -> Doubles:
    """Return a stellar continuum for each spectrum, as its fit would place it; level outside."""
    flux = np.empty((len(loglam0), PIXELS))
    for row, first in enumerate(loglam0):
        distance = (templates.loglam0 - first) / LOGLAM_STEP
        phase = round(10 * (distance - np.floor(distance)))
        start = round(distance + phase / 10)
        stars = 1 + 0.05 * templates.at(dispersion, phase)[:3].sum(axis=0)
        after = PIXELS - start - len(stars)
        flux[row] = 100 * np.pad(stars, (start, after), mode="edge")
    return flux


def galaxies(
    templates: Templates,
    area: Doubles,
    noise: float,
    *,
    widths: tuple[float, float] = (1.2, 1.4),
    dispersion: int = 6,
    seed: int = 2,
) -> tuple[Spectra, Doubles]:
    """Return spectra and redshifts, given the areas of LINES (n, lines) in flux times pixels.

    Widths are those of the Balmer lines and of the others, in pixels. Within 4 of them, the fit of
    the continuum sees nothing of a line.
    """
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.03, 0.2, len(area))
    loglam0 = LOGLAM0 - np.log10(1 + z)
    flux = continuum_of(templates, loglam0, dispersion)
    centres = (np.log10(LINES.wavelength) - loglam0[:, None]) / LOGLAM_STEP
    width = np.where(LINES.balmer, *widths)
    for line in range(len(LINES.names)):
        u = (np.arange(PIXELS) - centres[:, line, None]) / width[line]
        flux += area[:, line, None] * np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi) / width[line]
    flux += noise * rng.normal(size=flux.shape)
    ivar = np.full(flux.shape, noise**-2.0)
    observed = np.full(len(area), LOGLAM0)
    return Spectra.observed(flux, ivar, observed, z), z


def angstroms(name: str, z: Doubles) -> Doubles:
    """Return the width of a pixel at a line, in A."""
    wavelength = LINES.wavelength[LINES.names.index(name)]
    return np.asarray(wavelength * (1 + z) * np.log(10) * LOGLAM_STEP)


VELOCITY = LIGHT_SPEED * np.log(10) * LOGLAM_STEP
__all__ = ["DISPERSIONS", "LINES", "VELOCITY", "angstroms", "galaxies", "some_templates"]
