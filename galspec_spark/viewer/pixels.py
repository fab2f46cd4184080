"""Pixels of a spectrum as a short text: flux to a fraction of its noise, and the noise.

Flux is rounded to steps of `STEP` times the noise where that is low. Neighbours then differ by a
few steps, whatever the spectrum's S/N, and deflate stores some 5 bits a pixel. The noise is that of
`NOISE_BIN` pixels together, its logarithm rounded to `NOISE_STEP`.

The bytes, before deflate (raw, RFC 1951): step and least noise (little-endian float32); a bit for
each pixel, 1 where it is good, the first pixel in the highest bit; the changes of the flux from
pixel to pixel in steps, folded to whole numbers (0, -1, 1, -2, ...) of 16 bits, first all low
bytes, then all high ones; the changes of the logarithm of the noise from bin to bin, modulo 256.
"""

from __future__ import annotations

import base64
import zlib
from typing import NamedTuple

import numpy as np

from galspec_spark.spectrum.arrays import Array, Doubles, Floats

#: Of the flux, in units of the noise that `QUIETEST` of the good pixels are below.
STEP, QUIETEST = 0.5, 0.05
#: Greatest number of steps: what int16 holds.
MOST_STEPS = 32767
NOISE_BIN = 2
#: Of the natural logarithm of the noise: 5 %.
NOISE_STEP = 0.05


class Decoded(NamedTuple):
    """What the text says of a spectrum of n pixels."""

    flux: Doubles  #: (n,), NaN where not good
    noise: Doubles  #: (ceil(n / NOISE_BIN),)


def encode(flux: Floats, ivar: Floats) -> str | None:
    """Return one spectrum (pixels,) as base64 of deflated bytes; None without a good pixel."""
    good = (ivar > 0) & np.isfinite(flux)
    if not good.any():
        return None
    noise = 1 / np.sqrt(ivar[good].astype(np.float64))
    values = flux[good].astype(np.float64)
    step = np.float32(
        max(STEP * np.quantile(noise, QUIETEST), np.abs(values).max() / (MOST_STEPS - 1))
    )
    # A gap repeats the pixel before it, which costs nothing.
    last = np.maximum(np.cumsum(good) - 1, 0)
    steps = np.rint(values / step).astype(np.int16)[last]
    changes = np.diff(steps, prepend=np.int16(0))
    folded = ((changes << 1) ^ (changes >> 15)).astype(np.uint16)
    low, high = (folded & 0xFF).astype(np.uint8), (folded >> 8).astype(np.uint8)
    least, levels = _noise_levels(good, noise)
    content = b"".join(
        [
            np.array([step, least], "<f4").tobytes(),
            np.packbits(good).tobytes(),
            low.tobytes(),
            high.tobytes(),
            np.diff(levels, prepend=np.uint8(0)).tobytes(),
        ]
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(content) + packer.flush()).decode()


def decode(text: str, pixels: int) -> Decoded:
    """Return what `encode` kept; the page's script does the same."""
    content = zlib.decompress(base64.b64decode(text), -15)
    step, least = np.frombuffer(content[:8], "<f4").astype(np.float64)
    mask, rest = content[8 : 8 + -(-pixels // 8)], content[8 + -(-pixels // 8) :]
    good = np.unpackbits(np.frombuffer(mask, np.uint8))[:pixels].astype(bool)
    low, high, levels = np.split(np.frombuffer(rest, np.uint8), [pixels, 2 * pixels])
    folded = low.astype(np.int32) | high.astype(np.int32) << 8
    steps = np.cumsum(folded >> 1 ^ -(folded & 1)).astype(np.int16)  # wraps as it did before
    noise = least * np.exp(NOISE_STEP * np.cumsum(levels, dtype=np.uint8))
    return Decoded(np.where(good, steps * step, np.nan), noise)


def _noise_levels(good: Array, noise: Doubles) -> tuple[np.float32, Array]:
    """Return the least noise of a bin, and the noise of each in logarithmic steps beyond it."""
    bins = -(-len(good) // NOISE_BIN)
    place = np.flatnonzero(good) // NOISE_BIN
    count = np.bincount(place, minlength=bins)
    mean = np.bincount(place, noise, bins)[count > 0] / count[count > 0]
    least = np.float32(mean.min())
    levels = np.clip(np.rint(np.log(mean / least) / NOISE_STEP), 0, 255).astype(np.uint8)
    return least, levels[np.maximum(np.cumsum(count > 0) - 1, 0)]
