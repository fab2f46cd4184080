"""Principal components of rest-frame spectra, and the definition of their coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galspec_spark.spectrum.arrays import Doubles


@dataclass(frozen=True)
class Components:
    """A mean spectrum and k unit vectors.

    A spectrum is about ``mean + sum_j (vectors[j] . (spectrum - mean)) vectors[j]``. Its
    coefficients are ``vectors @ spectrum``, as MLlib's `PCAModel` computes them: the mean is
    removed to find the components, not to project.
    """

    mean: Doubles  #: (pixels,)
    vectors: Doubles  #: (k, pixels), orthonormal, by falling variance; largest entry positive
    explained_variance: Doubles  #: (k,), shares of the total variance


def upright(vectors: Doubles) -> Doubles:
    """Return rows with signs chosen so that the largest entry of each is positive."""
    largest = np.abs(vectors).argmax(axis=1)
    signs = np.sign(vectors[np.arange(len(vectors)), largest])
    return np.ascontiguousarray(vectors * signs[:, np.newaxis])
