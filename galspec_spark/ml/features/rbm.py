"""The hidden units of a restricted Boltzmann machine as features.

The visible units take numbers from 0 to 1. A spectrum is averaged over blocks of a few pixels,
which makes less noise and fewer weights. Of each block the range between two percentiles of the
sample becomes 0 to 1, and what lies outside is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from galspec_spark.ml.classifiers.kind import logistic
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.features.network import Network, NetworkSettings
from galspec_spark.spectrum.arrays import Doubles, Floats

#: Percentiles of a block's flux that become 0 and 1.
PERCENTILES = (1, 99)


class Settings(NetworkSettings):
    """Settings of the machine."""

    block_pixels: int = Field(4, ge=1, le=100, description="pixels averaged for a visible unit")
    learning_rate: float = Field(0.01, gt=0)


@dataclass(frozen=True)
class Machine(Network):
    """Weights between visible and hidden units, and the scale of the visible ones."""

    block_pixels: npt.NDArray[np.integer]  #: (); the last block may have fewer
    low: Doubles  #: (blocks,), the flux that is 0
    span: Doubles  #: (blocks,), the flux from 0 to 1
    weights: Doubles  #: (k, blocks)
    hidden_bias: Doubles  #: (k,)
    visible_bias: Doubles  #: (blocks,)
    unit = "hidden unit"

    def transform(self, inputs: Inputs) -> Doubles:
        """Return the probability (n, k) of each hidden unit, given n spectra."""
        blocks = block_means(inputs.flux, int(self.block_pixels))
        visible = np.clip((blocks - self.low) / self.span, 0, 1)
        return logistic(visible @ self.weights.T + self.hidden_bias)

    def reconstruct(self, features: Doubles) -> Doubles:
        """Return the spectra (n, pixels) expected of hidden units (n, k), constant in a block."""
        visible = logistic(features @ self.weights + self.visible_bias)
        blocks = self.low + self.span * visible
        return in_pixels(blocks, int(self.block_pixels), len(self.deviation))


def block_starts(pixels: int, block_pixels: int) -> npt.NDArray[np.integer]:
    """Return the first pixel of each block."""
    return np.arange(0, pixels, block_pixels)


def block_sizes(pixels: int, block_pixels: int) -> npt.NDArray[np.integer]:
    """Return the number of pixels of each block."""
    return np.diff(block_starts(pixels, block_pixels), append=pixels)


def block_means(flux: Floats, block_pixels: int) -> Doubles:
    """Return the mean of each block of pixels of spectra (n, pixels): (n, blocks)."""
    pixels = flux.shape[1]
    whole = pixels // block_pixels * block_pixels
    # A pass for each place in a block: quicker than np.add.reduceat, and the same sums.
    sums = flux[:, 0:whole:block_pixels].astype(np.float64)
    for place in range(1, block_pixels):
        sums += flux[:, place:whole:block_pixels]
    if whole < pixels:
        sums = np.column_stack([sums, flux[:, whole:].sum(axis=1, dtype=np.float64)])
    return np.asarray(sums / block_sizes(pixels, block_pixels))


def scale_of(blocks: Doubles) -> tuple[Doubles, Doubles]:
    """Return which flux of each block becomes 0, and how much more becomes 1.

    Parameters
    ----------
    blocks
        Of the sample, (n, blocks).
    """
    low, high = np.percentile(blocks, PERCENTILES, axis=0)
    return low, np.where(high > low, high - low, 1.0)  # a constant block stays 0


def in_pixels(blocks: Doubles, block_pixels: int, pixels: int) -> Doubles:
    """Return values of blocks (n, blocks) as spectra (n, pixels), constant in a block."""
    return np.repeat(blocks, block_pixels, axis=1)[:, :pixels]


def mean_slopes(values: Doubles, weights: Doubles, hidden_bias: Doubles) -> Doubles:
    """Return the change of the hidden units with each visible one, averaged over spectra.

    Parameters
    ----------
    values
        Of the visible units before they are cut off, (n, blocks).

    Returns
    -------
    float64 (k, blocks)

    Notes
    -----
    The slope of the logistic function p is p (1 - p), and that of a value cut off is 0.
    """
    inside = ((values > 0) & (values < 1)).astype(np.float64)
    hidden = logistic(np.clip(values, 0, 1) @ weights.T + hidden_bias)
    return np.asarray((hidden * (1 - hidden)).T @ inside / len(values) * weights)


KIND = FeatureKind(
    name="rbm",
    label="RBM hidden units",
    settings=Settings,
    count=lambda settings: settings.n_components,
    fit="galspec_spark.ml.networks.rbm.fit",
    read=Machine.read,
    is_default=False,
)
