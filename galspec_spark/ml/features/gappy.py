"""Coefficients of spectra with gaps: least squares over the pixels that carry information.

The model, mean + coefficients @ vectors, is fitted to the good pixels (Everson and Sirovich 1995,
JOSA A 12, 1657; for galaxies Connolly and Szalay 1999, AJ 117, 2052), with the prior of
probabilistic PCA, so that few good pixels cannot make a coefficient absurd (Tipping and Bishop
1999, JRSS B 61, 611).

The result is a spectrum whose gaps the model has filled. Its plain projection returns the fitted
coefficients (`fill_gaps` gives the exact relation), so a saved model stays MLlib's own `PCAModel`,
for spectra with gaps and without.
"""

from __future__ import annotations

import numpy as np

from galspec_spark.ml.features.components import Components
from galspec_spark.spectrum.arrays import Doubles, Floats

#: Spectra solved at once: an array of 2642 pixels in float64 takes 11 MB.
BATCH_ROWS = 500
#: Keeps the equations solvable if the components explain all variance, or a component none.
TINY = 1e-12


def fill_gaps(flux: Floats, ivar: Floats, components: Components) -> Floats:
    """Put the model that fits the good pixels best into the gaps.

    Parameters
    ----------
    flux
        Shape (n, pixels); its values in the gaps are ignored.
    ivar
        Shape (n, pixels); a pixel is good where it is positive.

    Returns
    -------
    ndarray (n, pixels)
        In the dtype of flux. Spectra without a gap are unchanged. Spectra without a good pixel
        become the mean spectrum.

    Notes
    -----
    Let c be the result of `coefficients` and p its prior. Projecting the filled spectrum less
    the mean gives exactly (1 + p) c, component by component. Without the prior this is c, from
    masked least squares. With it, the factor undoes the shrinking that a complete spectrum would
    suffer: as a gap closes, the result becomes the plain projection.
    """
    good = ivar > 0
    gappy = np.flatnonzero(~good.all(axis=1))
    if not len(gappy):
        return flux
    result = flux.copy()
    for start in range(0, len(gappy), BATCH_ROWS):
        rows = gappy[start : start + BATCH_ROWS]
        deviations = np.where(good[rows], flux[rows] - components.mean, 0.0)
        fitted = coefficients(deviations, good[rows].astype(np.float64), components)
        model = components.mean + fitted @ components.vectors
        result[rows] = np.where(good[rows], flux[rows], model)
    return result


def coefficients(deviations: Doubles, weights: Doubles, components: Components) -> Doubles:
    """Return the c that minimise sum_j w_j (d_j - (c @ vectors)_j)^2 + sum_a p_a c_a^2.

    Parameters
    ----------
    deviations
        Spectra less the mean, shape (n, pixels); finite, also where their weight is 0.
    weights
        Weight of each pixel, at most about 1, shape (n, pixels).

    Returns
    -------
    float64 (n, k)
        All spectra are solved at once. The prior p comes from `prior_precision`.
    """
    vectors = components.vectors
    k = len(vectors)
    first, second = np.triu_indices(k)
    # The matrix of a spectrum is sum_j w_j v_j v_j^T: one product gives half of it for all spectra.
    halves = weights @ (vectors[first] * vectors[second]).T
    matrices: Doubles = np.empty((len(weights), k, k))
    matrices[:, first, second] = halves
    matrices[:, second, first] = halves
    matrices += np.diag(prior_precision(components))
    right = (weights * deviations) @ vectors.T
    return np.asarray(np.linalg.solve(matrices, right[..., np.newaxis])[..., 0], np.float64)


def prior_precision(components: Components) -> Doubles:
    """Return a pixel's noise variance over the variance of each coefficient, shape (k,).

    The noise is what the components leave unexplained, spread over the other dimensions (Tipping
    and Bishop 1999, equation 8). Shares of the variance suffice: the unit cancels.
    """
    explained = components.explained_variance
    k, pixels = components.vectors.shape
    noise = max(1 - explained.sum(), 0) / max(pixels - k, 1)
    precision: Doubles = (noise + TINY) / (explained + TINY)
    return precision
