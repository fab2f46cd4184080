"""Bring spectra of bright and faint galaxies to one scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Pixels of one block of the continuum: some 100 A at H alpha, wider than a line.
CONTINUUM_BLOCK = 70

Spectra = npt.NDArray[np.float32]


def normalise(
    method: str, flux: Spectra, ivar: Spectra, good: npt.NDArray[np.bool_]
) -> tuple[Spectra, Spectra, npt.NDArray[np.bool_]]:
    """Divide each spectrum by its scale; scale its ivar to match.

    Parameters
    ----------
    method
        ``none``; ``median`` of the good pixels; ``unit_norm``: the norm that the spectrum would
        have if its gaps were like the rest of it; ``continuum``: medians of blocks of good
        pixels, joined by straight lines.
    flux, ivar, good
        Shape (spectra, pixels).

    Returns
    -------
    flux, ivar
        Shape (spectra, pixels).
    possible : ndarray of bool, shape (spectra,)
        False where the scale is not positive; such spectra are returned unchanged.
    """
    if method == "none":
        return flux, ivar, np.ones(len(flux), bool)
    scale = {"median": _median, "unit_norm": _norm, "continuum": _continuum}[method](flux, good)
    with np.errstate(invalid="ignore"):
        possible = ((scale > 0) & np.isfinite(scale)).all(axis=1)
    scale = np.where(possible[:, None], scale, np.float32(1))
    return flux / scale, ivar * scale**2, possible


def _median(flux: Spectra, good: npt.NDArray[np.bool_]) -> Spectra:
    """Return the median of the good pixels, shape (spectra, 1), NaN without any."""
    ordered = np.sort(np.where(good, flux, np.float32(np.inf)), axis=1)  # good pixels first
    count = good.sum(axis=1)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0)[:, None] // 2, axis=1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, flux.shape[1] - 1)[:, None], axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(count[:, None] > 0, (low + high) / 2, np.float32(np.nan))


def _norm(flux: Spectra, good: npt.NDArray[np.bool_]) -> Spectra:
    square = np.einsum("ij,ij,ij->i", flux, flux, good.astype(np.float32))
    mean_square = square / np.maximum(good.sum(axis=1), 1)
    norm: Spectra = np.sqrt(mean_square * flux.shape[1]).astype(np.float32)
    return norm[:, None]


def _continuum(flux: Spectra, good: npt.NDArray[np.bool_]) -> Spectra:
    edges = np.arange(0, flux.shape[1] - CONTINUUM_BLOCK // 2, CONTINUUM_BLOCK)
    blocks = [slice(start, start + CONTINUUM_BLOCK) for start in edges]
    knots = np.concatenate([_median(flux[:, b], good[:, b]) for b in blocks], axis=1)
    knots = np.where(np.isfinite(knots), knots, _median(flux, good))
    return knots @ _interpolation(edges + (CONTINUUM_BLOCK - 1) / 2, flux.shape[1])


def _interpolation(centres: npt.NDArray[np.float64], pixels: int) -> Spectra:
    """Return the matrix, shape (knots, pixels), that joins values at knots by straight lines."""
    unit_vectors = np.eye(len(centres))
    lines = [np.interp(np.arange(pixels), centres, unit) for unit in unit_vectors]
    return np.array(lines, np.float32)
