"""Principal components as features: the coefficients of a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import fill_gaps
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.features.pixel_importance import pixel_importance
from galspec_spark.spectrum.arrays import Doubles, Floats

FILE = "components.npz"


class Settings(BaseModel, extra="forbid", frozen=True):
    """Settings of the principal components, and of the projection on them."""

    n_components: int = Field(20, ge=1)
    solver: Literal["gram", "mllib", "mask", "ivar"] = "gram"
    em_passes: int = Field(10, ge=1, description="of the solvers mask and ivar")
    projection: Literal["filled", "masked"] = "filled"


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of spectra on principal components."""

    components: Components
    is_masked: bool  #: whether the components fit the gaps, which else hold the fill spectrum

    @property
    def names(self) -> Sequence[str]:
        """Names of the coefficients, numbered from 1."""
        return [f"coefficient_{number}" for number in range(1, len(self.basis) + 1)]

    @property
    def basis(self) -> Doubles:
        """The eigenspectra, shape (k, pixels)."""
        return self.components.vectors

    @property
    def explained_variance(self) -> Sequence[float]:
        """Share of the variance along each component."""
        return [float(share) for share in self.components.explained_variance]

    def transform(self, inputs: Inputs) -> Doubles:
        """Return the coefficients (n, k) of n spectra."""
        spectra = inputs.flux
        if self.is_masked:
            spectra = fill_gaps(spectra, inputs.ivar, self.components)
        return np.asarray(spectra.astype(np.float64) @ self.components.vectors.T)

    def reconstruct(self, features: Doubles) -> Doubles:
        """Return the spectra (n, pixels) that the components make of coefficients (n, k)."""
        mean, vectors = self.components.mean, self.components.vectors
        return np.asarray(mean + (features - vectors @ mean) @ vectors)

    def reconstruction_error(self, flux: Floats, features: Doubles) -> Doubles:
        """Return the rms of spectra (n, pixels) less their reconstruction, over the pixels.

        The vectors are orthonormal, so the squares along them can be subtracted.
        """
        deviations = flux - self.components.mean
        along = features - self.components.vectors @ self.components.mean
        squares = np.einsum("ij,ij->i", deviations, deviations)
        rest = np.maximum(squares - np.einsum("ij,ij->i", along, along), 0)
        return np.asarray(np.sqrt(rest / flux.shape[1]))

    def explain(self, weights: Doubles, is_linear: bool) -> Doubles:
        """Return how much each pixel of a spectrum weighs in the decision; sums to 1."""
        vectors, variances = self.components.vectors, self.components.explained_variance
        deviation = np.sqrt(variances @ vectors**2)
        return pixel_importance(weights, vectors, deviation, is_linear)

    def save(self, folder: Path) -> None:
        """Write mean, vectors and variances to one file."""
        np.savez(folder / FILE, **vars(self.components), is_masked=self.is_masked)


def read(folder: Path) -> Coefficients:
    """Read what `Coefficients.save` wrote."""
    with np.load(folder / FILE, allow_pickle=False) as saved:
        arrays = [saved[name] for name in ("mean", "vectors", "explained_variance")]
        return Coefficients(Components(*arrays), bool(saved["is_masked"]))


def count(settings: Settings) -> int:
    """Return the number of components."""
    return settings.n_components


KIND = FeatureKind(
    name="pca",
    label="principal components",
    settings=Settings,
    count=count,
    fit="galspec_spark.ml.pca.fit.fit",
    read=read,
    native_steps="galspec_spark.ml.pca.estimator.native_steps",
    saved_as=("org.apache.spark.ml.feature.PCAModel",),
)
