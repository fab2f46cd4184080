"""Common code of the features that a neural network learned from a sample of the spectra."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, Field

from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.pixel_importance import pixel_importance
from galspec_spark.spectrum.arrays import Doubles, Floats

FILE = "network.npz"


class NetworkSettings(BaseModel, extra="forbid", frozen=True):
    """Settings of every network."""

    n_components: int = Field(20, ge=1, le=100, description="number of features")
    sample: int = Field(5000, ge=2, description="most training spectra to learn from")
    epochs: int = Field(100, ge=1, description="passes over these")
    seed: int = Field(1, ge=0, lt=2**32, description="of the sample and of the learning")


@dataclass(frozen=True)
class Network(ABC):
    """Arrays of a network that makes features of pixels.

    It has no basis: what a feature stands for depends on the others.
    """

    slopes: Doubles  #: (k, pixels), change of a feature with a pixel, averaged over the sample
    deviation: Doubles  #: (pixels,), standard deviation of each pixel of the sample
    unit: ClassVar[str]  #: name of a feature, without its number
    basis = None
    explained_variance = ()

    @property
    def names(self) -> Sequence[str]:
        """Names of the features, numbered from 1."""
        return [f"{self.unit} {number}" for number in range(1, len(self.slopes) + 1)]

    @abstractmethod
    def transform(self, inputs: Inputs) -> Doubles:
        """Return the features (n, k) of n spectra."""

    @abstractmethod
    def reconstruct(self, features: Doubles) -> Doubles:
        """Return the spectra (n, pixels) that features (n, k) stand for."""

    def reconstruction_error(self, flux: Floats, features: Doubles) -> Doubles:
        """Return the rms of spectra (n, pixels) less their reconstruction, over the pixels."""
        rest = flux - self.reconstruct(features)
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", rest, rest) / flux.shape[1]))

    def explain(self, weights: Doubles, is_linear: bool) -> Doubles:
        """Return how much each pixel weighs in the decision; sums to 1.

        The slopes are those of an average spectrum: see `pixel_importance`.
        """
        return pixel_importance(weights, self.slopes, self.deviation, is_linear)

    def to_bytes(self) -> bytes:
        """Return the content of a file with all arrays, without pickle."""
        content = io.BytesIO()
        np.savez(content, **vars(self))
        return content.getvalue()

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` returned."""
        with np.load(io.BytesIO(content), allow_pickle=False) as saved:
            return cls(**saved)

    def save(self, folder: Path) -> None:
        """Write all arrays to one file."""
        (folder / FILE).write_bytes(self.to_bytes())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls.of_bytes((folder / FILE).read_bytes())
