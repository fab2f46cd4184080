"""Sums of each pixel's normal equations over many spectra, and the components they give.

The numerical half of `weighted`: sums in a task, and solution on the driver.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from galspec_spark.ml.features.components import Components, upright
from galspec_spark.ml.features.gappy import TINY, coefficients, prior_precision
from galspec_spark.spectrum.arrays import Doubles, Floats

Weighting = Literal["mask", "ivar"]

#: Ridge of a pixel that all spectra miss, over the unexplained variance. It would be 1 for normal
#: distributions, with entries of the vectors of mean square 1 / pixels (Bishop 1999, NIPS 11, 382).
#: Galaxies have outliers: values from 5 to 20 predict hidden pixels best.
RIDGE = 10.0


def pixel_weights(ivar: Floats, weighting: Weighting, error: float) -> Doubles:
    """Return the weight of each pixel, 0 to 1, in the shape of ivar.

    ``mask`` gives 1 where there is information. ``ivar`` gives error^2 / (error^2 + 1 / ivar):
    inverse variance with a floor.

    Without the floor, a spectrum of S/N 100 would count as much as a hundred of S/N 10, although
    most of what distinguishes galaxies is not noise: the few brightest would decide the components.
    With the floor, weights differ where the noise is above the error (S/N below 20) and level off
    where it is below. They also stay comparable with the prior of `coefficients`.
    """
    good = ivar > 0
    if weighting == "mask":
        return good.astype(np.float64)
    finite = np.where(good, ivar, 0).astype(np.float64)
    weights: Doubles = finite / (finite + error**-2)
    return weights


class PixelSums:
    """Sums of the normal equations of each pixel, over the rows added so far.

    A pixel's flux less the mean is about c~ @ (shift, v_1, ..., v_k), with c~ = (1, c_1, ..., c_k).

    Parameters
    ----------
    components
        Components to improve.
    """

    def __init__(self, components: Components) -> None:
        self.components = components
        k, pixels = components.vectors.shape
        self.values: Doubles = np.zeros((pixels, _columns(k)))

    def add(self, flux: Floats, weights: Doubles) -> None:
        """Add spectra and the weights of their pixels, both of shape (n, pixels)."""
        deviations = np.where(weights > 0, flux - self.components.mean, 0)
        fitted = coefficients(deviations, weights, self.components)
        fitted *= 1 + prior_precision(self.components)  # unbiased where all weights are 1
        extended = np.column_stack([np.ones(len(fitted)), fitted])
        first, second = np.triu_indices(extended.shape[1])
        weighted = weights * deviations
        matrix, right, square = _split(self.values, fitted.shape[1])
        matrix += weights.T @ (extended[:, first] * extended[:, second])
        right += weighted.T @ extended
        square += np.einsum("ij,ij->j", weighted, deviations)


def improved(sums: Doubles, start: Components) -> Components:
    """Solve for mean and components, given the `values` of `PixelSums`.

    Explained variance is 1 minus the remaining share of the good pixels' variance, divided among
    the components by the variance of their coefficients.

    Notes
    -----
    Where spectra lack a pixel, a ridge shrinks the pixel's entries in the vectors to zero. Without
    the ridge they could long keep their starting values, which mistake the fill spectrum for a
    component; and coefficients that hardly vary would get large entries from few spectra. A pixel
    that no spectrum covers gets no entries. Without missing pixels there is no ridge, and the
    solution is ordinary PCA.
    """
    k = len(start.vectors)
    halves, right, square = _split(sums, k)
    first, second = np.triu_indices(k + 1)
    matrices = np.empty((len(sums), k + 1, k + 1))
    matrices[:, first, second] = halves
    matrices[:, second, first] = halves
    weight = halves[:, 0]
    variance = _per_weight(square - right[:, 0] ** 2 / np.maximum(weight, TINY), weight)
    noise = max(1 - start.explained_variance.sum(), 0) * variance

    missing = 1 - weight / weight.max()
    solved = _solve(matrices, right, RIDGE * noise * missing)
    left = square - np.einsum("ja,ja->j", solved, 2 * right)
    left += np.einsum("ja,jab,jb->j", solved, matrices, solved, optimize=True)
    explained = 1 - _per_weight(left, weight) / variance

    average = matrices.mean(axis=0)
    average /= average[0, 0]  # of the spectra, each weighted by the mean weight of its pixels
    shift, directions, centre = solved[:, 0], solved[:, 1:].T, average[0, 1:]
    vectors, variances = _ordered(directions, average[1:, 1:] - np.outer(centre, centre))
    shares = explained * variances / variances.sum()
    return Components(start.mean + shift + centre @ directions, vectors, shares)


def _solve(matrices: Doubles, right: Doubles, ridge: Doubles) -> Doubles:
    """Return (shift, v_1, ..., v_k) of each pixel (pixels, k + 1), given its ridge (pixels,)."""
    size = matrices.shape[1]
    diagonal = np.full((len(matrices), size), TINY * max(matrices[:, 0, 0].max(), 1.0))
    diagonal[:, 1:] += ridge[:, np.newaxis]
    ridged = matrices.copy()
    ridged[:, np.arange(size), np.arange(size)] += diagonal
    return np.asarray(np.linalg.solve(ridged, right[..., np.newaxis])[..., 0], np.float64)


def _ordered(directions: Doubles, covariance: Doubles) -> tuple[Doubles, Doubles]:
    """Return orthonormal vectors of the same span (k, pixels), and their falling variances (k,).

    They are the principal components of ``coefficients @ directions``, where the coefficients have
    the given covariance.
    """
    variances, axes = np.linalg.eigh(covariance)
    root = np.sqrt(np.maximum(variances, 0))[:, np.newaxis] * axes.T
    _, singular, vectors = np.linalg.svd(root @ directions, full_matrices=False)
    return upright(vectors), singular**2


def _per_weight(squares: Doubles, weight: Doubles) -> float:
    """Return the sum of the weighted mean squares of the pixels that have any weight."""
    seen = weight > 0
    return float((squares[seen] / weight[seen]).sum())


def _columns(k: int) -> int:
    """Return the number of values in a pixel's sums: half a matrix, a right side, a square."""
    return (k + 1) * (k + 2) // 2 + (k + 1) + 1


def _split(sums: Doubles, k: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return views of the half matrices, the right sides and the sums of squares."""
    half = (k + 1) * (k + 2) // 2
    return sums[:, :half], sums[:, half:-1], sums[:, -1]
