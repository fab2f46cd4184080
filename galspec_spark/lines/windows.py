"""Runs of pixels of a batch of spectra, each from a start of its own on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from galspec_spark.spectrum.arrays import Array


def cut(values: Array, start: npt.NDArray[np.int64], width: int) -> Array:
    """Return ``width`` values of each row from its start on, 0 outside, shape (n, width)."""
    padded = np.pad(values, ((0, 0), (width, width)))
    first = (start + width).clip(0, padded.shape[1] - width)
    windows: Array = sliding_window_view(padded, width, axis=1)[np.arange(len(values)), first]
    return windows


def put(values: Array, start: npt.NDArray[np.int64], pixels: int) -> Array:
    """Return rows of ``pixels`` with the values from each row's start on, 0 elsewhere."""
    n, width = values.shape
    padded = np.zeros((n, pixels + 2 * width), values.dtype)
    first = (start + width).clip(0, pixels + width)
    sliding_window_view(padded, width, axis=1, writeable=True)[np.arange(n), first] = values
    return padded[:, width : width + pixels]
