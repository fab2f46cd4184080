"""The code of an autoencoder as features: a network that reproduces spectra through a bottleneck.

Spectra are first reduced to at most `INPUTS` principal components of the same sample, all divided
by one number. The network then has few weights and learns in seconds. As the components are
orthonormal, it still minimises the squares of the pixels' residuals, and lines keep their shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.features.network import Network, NetworkSettings
from galspec_spark.spectrum.arrays import Doubles, Floats

#: Principal components that the network gets.
INPUTS = 100


class Settings(NetworkSettings):
    """Settings of the autoencoder."""

    hidden: int = Field(100, ge=1, description="units between the bottleneck and either end")


@dataclass(frozen=True)
class Autoencoder(Network):
    """Layers from components to code and back; a layer's last row is added, its bias.

    The hidden layers and the code end in tanh.
    """

    mean: Doubles  #: (pixels,)
    vectors: Doubles  #: (inputs, pixels), orthonormal
    scale: Doubles  #: (), divides the components
    to_hidden: Doubles  #: (inputs + 1, hidden)
    to_code: Doubles  #: (hidden + 1, k)
    from_code: Doubles  #: (k + 1, hidden)
    to_inputs: Doubles  #: (hidden + 1, inputs)
    unit = "code"

    def transform(self, inputs: Inputs) -> Doubles:
        """Return the code (n, k) of n spectra."""
        components = reduced(inputs.flux, self.mean, self.vectors, self.scale)
        return tanh_layer(tanh_layer(components, self.to_hidden), self.to_code)

    def reconstruct(self, features: Doubles) -> Doubles:
        """Return the spectra (n, pixels) that the network makes of codes (n, k)."""
        components = layer(tanh_layer(features, self.from_code), self.to_inputs)
        return np.asarray(self.mean + self.scale * components @ self.vectors)


def reduced(flux: Floats, mean: Doubles, vectors: Doubles, scale: Doubles) -> Doubles:
    """Return what the network gets of spectra (n, pixels): (n, inputs)."""
    return np.asarray((flux - mean) @ vectors.T / scale)


def layer(values: Doubles, weights: Doubles) -> Doubles:
    """Return weighted sums of values (n, from) with a bias: (n, to)."""
    return np.asarray(values @ weights[:-1] + weights[-1])


def tanh_layer(values: Doubles, weights: Doubles) -> Doubles:
    """Return the tanh of `layer`."""
    return np.tanh(layer(values, weights))


def mean_slopes(inputs: Doubles, to_hidden: Doubles, to_code: Doubles) -> Doubles:
    """Return the change of the code with each input, averaged over spectra: (k, inputs).

    Parameters
    ----------
    inputs
        From `reduced`, (n, inputs).

    Notes
    -----
    The slope of tanh is 1 - tanh^2. With u and v for those of the hidden units and of the code, a
    spectrum's slope is ``sum_j to_hidden_ij u_j to_code_jk v_k``, and only ``u_j v_k`` is averaged.
    """
    hidden = tanh_layer(inputs, to_hidden)
    code = tanh_layer(hidden, to_code)
    both = (1 - hidden**2).T @ (1 - code**2) / len(inputs)
    return np.asarray((to_hidden[:-1] @ (both * to_code[:-1])).T)


KIND = FeatureKind(
    name="autoencoder",
    label="autoencoder codes",
    settings=Settings,
    count=lambda settings: settings.n_components,
    fit="galspec_spark.ml.networks.autoencoder.fit",
    read=Autoencoder.read,
    is_default=False,
)
