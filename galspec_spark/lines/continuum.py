"""The continuum under the lines: stellar templates at the best dispersion, and a polynomial.

As in SDSS's vdispfit (idlspec2d). All coefficients are free of sign, and found by linear least
squares at each dispersion of the templates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legvander

from galspec_spark.lines.linelist import vacuum
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import DISPERSIONS, OVERSAMPLING, TEMPLATES, Templates
from galspec_spark.lines.windows import cut, put
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Terms of the additive polynomial.
POLYNOMIALS = 5
TERMS = TEMPLATES + POLYNOMIALS
#: Good pixels that a fit needs.
FEWEST_PIXELS = TERMS + 10
#: Lines that the fit leaves out, in A (air).
MASKED = np.array([
    3725.94, 3727.24, 3970.072, 4101.73, 4340.46, 4861.3632, 4958.911, 5006.843,
    6300.32, 6548.05, 6562.801, 6583.45, 6716.44, 6730.82,
])  # fmt: skip
#: Half of what is left out around each of them, in dex.
MASKED_WIDTH = 6e-4
#: Samples left out at either end of the templates.
MASKED_SAMPLES = 40
#: The pairs of terms, as entries of a symmetric matrix.
PAIRS = np.triu_indices(TERMS)
#: From this many spectra on, products of terms are made once for all.
MANY = 16
#: Dispersions that are tried first; then those between the neighbours of the best.
FIRST_TRIES = np.array([0, 5, 10, 15, 20, 25, 30, 34])


class Continuum(NamedTuple):
    """Continua of n spectra."""

    flux: Doubles  #: (n, pixels) on the pixels of the spectra, 0 outside the templates
    coefficients: Doubles  #: (n, TERMS) of templates and polynomials of length 1; 0 if not fitted
    dispersion: Doubles  #: (n,) velocity dispersion in km/s, NaN where too few pixels are good
    dispersion_err: Doubles  #: (n,) in km/s; NaN at the ends of the range as well
    chi2: Doubles  #: (n,) NaN where not fitted
    pixels: npt.NDArray[np.int64]  #: (n,) that were fitted


def fit_continuum(spectra: Spectra, templates: Templates) -> Continuum:
    """Fit the continua of n spectra; one with less than FEWEST_PIXELS good pixels has none."""
    n, pixels = spectra.flux.shape
    start, phase = alignment(spectra.loglam0, templates.loglam0)
    flux = cut(spectra.flux, start, templates.pixels)
    ivar = cut(spectra.ivar, start, templates.pixels)
    for p in np.unique(phase):
        ivar[phase == p] *= kept_pixels(templates, int(p))
    used = (ivar > 0).sum(axis=1)
    fitted = used >= FEWEST_PIXELS
    continuum, dispersion = np.zeros_like(flux), np.full((3, n), np.nan)
    coefficients = np.zeros((n, TERMS))
    for p in np.unique(phase[fitted]):
        rows = np.flatnonzero(fitted & (phase == p))
        best = _Phase(templates, int(p), flux[rows], ivar[rows])
        continuum[rows], coefficients[rows] = best.continuum()
        dispersion[:, rows] = best.dispersion()
    found, error, chi2 = dispersion
    moved, pixels_used = put(continuum, start, pixels), np.where(fitted, used, 0)
    return Continuum(moved, coefficients, found, error, chi2, pixels_used)


def alignment(
    loglam0: Doubles, template_loglam0: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pixel of each spectrum at the template's first one, and the template's phase.

    The phase is SDSS's. The right one would be OVERSAMPLING minus it: templates sit up to half a
    pixel off. Setting that right would measure other lines than SDSS does.
    """
    distance = (template_loglam0 - loglam0) / LOGLAM_STEP
    phase = np.rint(OVERSAMPLING * (distance - np.floor(distance)))
    start = np.rint(distance + phase / OVERSAMPLING)
    return start.astype(np.int64), phase.astype(np.int64)


def kept_pixels(templates: Templates, phase: int) -> npt.NDArray[np.bool_]:
    """Tell which pixels of the templates a fit uses."""
    sample = phase + OVERSAMPLING * np.arange(templates.pixels)
    loglam = templates.loglam0 + sample / OVERSAMPLING * LOGLAM_STEP
    near = np.abs(loglam[:, None] - np.log10(vacuum(MASKED))) <= MASKED_WIDTH
    last = OVERSAMPLING * templates.pixels - MASKED_SAMPLES
    return ~near.any(axis=1) & (sample >= MASKED_SAMPLES) & (sample <= last)


class _Phase:
    """Fits of spectra that share the phase of the templates."""

    def __init__(self, templates: Templates, phase: int, flux: Doubles, ivar: Doubles) -> None:
        self.templates, self.phase = templates, phase
        self.ivar, self.weighted = ivar, ivar * flux
        self.power = np.einsum("np,np->n", self.weighted, flux)
        self.chi2 = np.full((len(flux), len(DISPERSIONS)), np.inf)
        self.theta = np.zeros((len(flux), len(DISPERSIONS), TERMS))
        everyone = np.ones(len(flux), bool)
        for d in FIRST_TRIES:
            self._fit(d, everyone)
        self._refine()

    def _refine(self) -> None:
        """Try the dispersions between the best and its neighbours, halving the distance."""
        for _ in range(3):
            for d in range(len(DISPERSIONS)):
                wanted = np.zeros(len(self.chi2), bool)
                best = self.chi2.argmin(axis=1)
                for other in (_next(self.chi2, best, -1), _next(self.chi2, best, 1)):
                    wanted |= (d == (best + other) // 2) & (np.abs(other - best) > 1)
                self._fit(d, wanted & ~np.isfinite(self.chi2[:, d]))

    def _terms(self, dispersion: int) -> Doubles:
        """Return templates and polynomials at one dispersion, (TERMS, pixels), of length 1."""
        pixels = self.templates.pixels
        polynomials = legvander(np.linspace(-1, 1, pixels), POLYNOMIALS - 1).T
        terms = np.concatenate([self.templates.at(dispersion, self.phase), polynomials])
        return np.asarray(terms / np.linalg.norm(terms, axis=1)[:, None])

    def _fit(self, dispersion: int, rows: npt.NDArray[np.bool_]) -> None:
        if not rows.any():
            return
        terms = self._terms(dispersion)
        matrix = _weighted_products(terms, self.ivar[rows])
        vector = self.weighted[rows] @ terms.T
        theta = np.linalg.solve(matrix, vector[..., None])[..., 0]
        self.theta[rows, dispersion] = theta
        self.chi2[rows, dispersion] = self.power[rows] - np.einsum("nt,nt->n", vector, theta)

    def continuum(self) -> tuple[Doubles, Doubles]:
        """Return the fits at the best dispersion of the grid, (n, pixels), and their terms'."""
        best = self.chi2.argmin(axis=1)
        continuum = np.empty_like(self.ivar)
        for d in np.unique(best):
            chosen = best == d
            continuum[chosen] = self.theta[chosen, d] @ self._terms(int(d))
        return continuum, self.theta[np.arange(len(best)), best]

    def dispersion(self) -> Doubles:
        """Return dispersion, its error and chi2 of a parabola through three values, (3, n)."""
        middle = self.chi2.argmin(axis=1).clip(1, len(DISPERSIONS) - 2)
        rows = np.arange(len(middle))
        left, centre, right = (self.chi2[rows, middle + k] for k in (-1, 0, 1))
        curvature = left - 2 * centre + right
        ok = np.isfinite(curvature) & (curvature > 0)
        curvature, slope = np.where(ok, curvature, 1), np.where(ok, (left - right) / 2, 0)
        offset = slope / curvature
        inside = ok & (np.abs(offset) < 1)
        step = DISPERSIONS[1] - DISPERSIONS[0]
        found = np.clip(DISPERSIONS[middle] + step * offset, DISPERSIONS[0], DISPERSIONS[-1])
        error = np.where(inside, step * np.sqrt(2 / curvature), np.nan)
        lowest = np.where(inside, centre - slope * offset / 2, self.chi2.min(axis=1))
        return np.stack([found, error, lowest])


def _weighted_products(terms: Doubles, ivar: Doubles) -> Doubles:
    """Return the products of all pairs of terms, weighted by each ivar, (n, TERMS, TERMS)."""
    if len(ivar) < MANY:
        return np.asarray((ivar[:, None] * terms) @ terms.T)
    # The products of terms are common to all spectra, which makes it one matrix product.
    products = np.empty((len(ivar), TERMS, TERMS))
    products[:, *PAIRS] = ivar @ (terms[PAIRS[0]] * terms[PAIRS[1]]).T
    products[:, PAIRS[1], PAIRS[0]] = products[:, *PAIRS]
    return products


def _next(chi2: Doubles, best: npt.NDArray[np.intp], step: int) -> npt.NDArray[np.intp]:
    """Return the nearest dispersion tried on one side of the best, the best itself at the end."""
    index = np.arange(chi2.shape[1])
    beyond = np.isfinite(chi2) & ((index - best[:, None]) * step > 0)
    distance = np.where(beyond, np.abs(index - best[:, None]), chi2.shape[1])
    nearest = distance.min(axis=1)
    return np.where(nearest < chi2.shape[1], best + step * nearest, best)
