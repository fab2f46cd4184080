"""What a model makes of many spectra, as sums of a few: the browser adds them up.

Reconstructions of k principal components lie in k + 1 dimensions, those of an autoencoder in as
many as its output layer has; any other kind is cut to the `MOST` leading ones.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from galspec_spark.spectrum.arrays import Array, Doubles

#: Spectra that are stored at most, and the least singular value of one, in units of the greatest.
MOST, LEAST = 101, 1e-6
#: A stored value is a whole number up to this times the spectrum's scale.
FULL_SCALE = 32767


@dataclass(frozen=True)
class LowRank:
    """Reconstructions of n spectra: ``coefficients @ vectors``."""

    vectors: str  #: base64 of int16 (r, pixels), in units of `scales`
    scales: list[float]  #: (r,)
    coefficients: str  #: base64 of float32 (n, r), NaN where there is no reconstruction

    @classmethod
    def of(cls, reconstructions: Doubles) -> LowRank:
        """Take apart spectra (n, pixels); rows of NaN are none."""
        from sklearn.utils.extmath import randomized_svd

        has = np.isfinite(reconstructions[:, 0])
        found = reconstructions[has]
        number = min(MOST, *found.shape)
        left, size, right = randomized_svd(found, number, random_state=0)
        kept = size > LEAST * size[0]
        vectors = right[kept]
        scales = np.abs(vectors).max(axis=1) / FULL_SCALE
        coefficients = np.full((len(has), len(vectors)), np.nan)
        coefficients[has] = left[:, kept] * size[kept]
        whole = np.rint(vectors / scales[:, None])
        return cls(_text(whole, "<i2"), scales.tolist(), _text(coefficients, "<f4"))

    def decode(self) -> Doubles:
        """Return the reconstructions (n, pixels), as the page's script does."""
        vectors = _values(self.vectors, "<i2").reshape(len(self.scales), -1)
        coefficients = _values(self.coefficients, "<f4").reshape(-1, len(self.scales))
        return np.asarray(coefficients @ (vectors * np.array(self.scales)[:, None]))


def _text(values: Doubles, dtype: str) -> str:
    return base64.b64encode(values.astype(dtype).tobytes()).decode()


def _values(text: str, dtype: str) -> Array:
    return np.frombuffer(base64.b64decode(text), dtype).astype(np.float64)
