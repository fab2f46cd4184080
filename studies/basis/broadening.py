"""Broadening as a matrix: from a template's spline coefficients to its pixels in a fit.

A template is a spline (`galspec_spark.lines.templates`), and all that a fit sees of it is linear in
the spline's coefficients. A basis is learned as coefficients, so that gradients need the transpose
of a sparse matrix only.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline, make_lsq_spline
from scipy.sparse import csr_array

from galspec_spark.lines.templates import (
    DISPERSIONS,
    OVERSAMPLING,
    SAMPLE_VELOCITY,
    SPLINE_DEGREE,
    gaussian,
    spline_knots,
)
from galspec_spark.spectrum.arrays import Doubles

#: Matrices that are kept: as many as there are dispersions and phases.
KEPT = len(DISPERSIONS) * (OVERSAMPLING + 1)


def to_coefficients(vectors: Doubles) -> Doubles:
    """Return the spline coefficients of templates (n, pixels), shape (n, coefficients)."""
    pixels = vectors.shape[1]
    place = np.arange(pixels, dtype=np.float64)
    return np.asarray(make_lsq_spline(place, vectors.T, spline_knots(pixels), SPLINE_DEGREE).c.T)


def to_vectors(coefficients: Doubles, pixels: int) -> Doubles:
    """Return the templates (n, pixels) of spline coefficients; their splines are the same."""
    place = np.arange(pixels, dtype=np.float64)
    return np.asarray(BSpline(spline_knots(pixels), coefficients.T, SPLINE_DEGREE)(place)).T


@lru_cache(KEPT)
def broadening(pixels: int, dispersion: int, phase: int) -> csr_array:
    """Return the matrix to the pixels of `Templates.at`, (pixels - 1, coefficients).

    Parameters
    ----------
    pixels
        Of a template.
    dispersion
        Index in DISPERSIONS.
    phase
        Sample of the first pixel, 0 to OVERSAMPLING.
    """
    place = np.arange(OVERSAMPLING * pixels) / OVERSAMPLING
    knots = spline_knots(pixels)
    fine = BSpline.design_matrix(place, knots, SPLINE_DEGREE, extrapolate=True)
    samples = phase + OVERSAMPLING * np.arange(pixels - 1)
    sigma = DISPERSIONS[dispersion] / SAMPLE_VELOCITY
    if sigma == 0:
        return csr_array(fine[samples])
    kernel = gaussian(sigma)
    reach = len(kernel) // 2
    source = (samples[:, None] + np.arange(-reach, reach)).clip(0, len(place) - 1)
    starts = np.arange(0, source.size + 1, len(kernel))
    weights = np.tile(kernel, len(samples))
    return csr_array((weights, source.ravel(), starts), (len(samples), len(place))) @ fine
