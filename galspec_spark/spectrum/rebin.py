"""Rebinning from pixels of equal width in wavelength to pixels of equal width in its logarithm.

An output pixel takes from each input pixel the share that overlaps it, so flux is conserved. The
overlap depends on the grid alone: it is computed once and applied to whole batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.grid import LOGLAM_STEP

#: An output pixel has information if at least this share of it is covered by good input pixels.
COVERED = 0.5

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """Overlap of the pixels of a linear grid with those of a logarithmic grid."""

    loglam0: float  #: log10 of the first output wavelength in Angstrom, a multiple of the step
    index: npt.NDArray[np.intp]  #: of the input pixels, shape (overlaps, output pixels)
    shared: FloatArray  #: width that the two pixels share in Angstrom, same shape
    width: FloatArray  #: of the output pixels in Angstrom


@lru_cache(maxsize=16)
def overlap(first: float, step: float, pixels: int) -> Overlap:
    """Compute the overlap of a linear grid with the grid in steps of 1e-4 dex.

    Parameters
    ----------
    first
        Centre of the first input pixel in Angstrom.
    step
        Width of an input pixel in Angstrom.
    pixels
        Number of input pixels.

    Returns
    -------
    Overlap
        Output pixels are those whose centre lies on the input grid.
    """
    left = first - step / 2
    right = left + step * pixels
    begin = int(np.ceil(np.log10(left) / LOGLAM_STEP))
    end = int(np.floor(np.log10(right) / LOGLAM_STEP)) + 1
    edges = 10.0 ** (LOGLAM_STEP * (np.arange(begin, end + 1) - 0.5))
    lower, upper = edges[:-1], edges[1:]
    lowest = np.clip(np.floor((lower - left) / step).astype(np.intp), 0, pixels - 1)
    highest = np.clip(np.floor((upper - left) / step).astype(np.intp), 0, pixels - 1)
    # A pixel with fewer overlaps than others repeats its last overlap, with nothing shared.
    steps = np.arange(int((highest - lowest).max()) + 1)[:, None]
    index = np.minimum(lowest + steps, highest)
    shared = np.minimum(upper, left + step * (index + 1)) - np.maximum(lower, left + step * index)
    shared = np.where(lowest + steps <= highest, np.maximum(shared, 0), 0)
    return Overlap(round(begin * LOGLAM_STEP, 4), index, shared, upper - lower)


def rebin(
    pattern: Overlap, flux: npt.NDArray[np.floating], ivar: npt.NDArray[np.floating]
) -> tuple[FloatArray, FloatArray]:
    """Rebin a batch of spectra, conserving flux.

    Output pixel j has the mean of the good input pixels i, weighted by the widths w_ij that they
    share with it: flux_j = sum_i w_ij flux_i / sum_i w_ij. The noise of input pixels is
    independent, so var_j = sum_i w_ij^2 / ivar_i / (sum_i w_ij)^2. Neighbouring output pixels share
    input pixels, and so noise; ivar does not say so.

    Parameters
    ----------
    pattern
        From `overlap`.
    flux, ivar
        Flux density and inverse variance, shape (spectra, input pixels). Pixels whose ivar is not
        positive are not used.

    Returns
    -------
    flux, ivar : ndarray of float64
        Shape (spectra, output pixels); both are 0 where less than `COVERED` of a pixel is covered
        by good input pixels.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        good = ivar > 0
        value = np.where(good, flux, 0).astype(np.float64)
        variance = np.where(good, 1 / ivar.astype(np.float64), 0)
        covered = np.zeros((len(flux), len(pattern.width)))
        total, noise = np.zeros_like(covered), np.zeros_like(covered)
        for index, shared in zip(pattern.index, pattern.shared, strict=True):
            covered += shared * good[:, index]
            total += shared * value[:, index]
            noise += shared**2 * variance[:, index]
        informative = covered >= COVERED * pattern.width
        return (
            np.where(informative, total / covered, 0),
            np.where(informative, covered**2 / noise, 0),
        )
