"""What lies under the lines where no template reaches: straight lines over small windows.

As in SDSS's speclinefit (idlspec2d), with its quirk: a single window is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Array, Doubles

#: Pixels to either side of a line that its window has.
WINDOW = 25
#: A line is fitted where it is within this share of the fitted range of wavelengths.
BEYOND = 0.02


class Coverage(NamedTuple):
    """What is fitted of n spectra."""

    continuum: Doubles  #: (n, pixels) of the templates, 0 in windows
    used: npt.NDArray[np.bool_]  #: (n, pixels) that are fitted, if they carry information
    lines: npt.NDArray[np.bool_]  #: (n, lines) that are fitted
    windows: npt.NDArray[np.bool_]  #: (n, lines) that have a window


def cover(ivar: Doubles, continuum: Doubles, centres: Doubles) -> Coverage:
    """Decide which lines are fitted, and which of them have a window.

    Parameters
    ----------
    ivar, continuum
        Shape (n, pixels); the continuum is 0 outside the templates.
    centres
        Shape (n, lines): places of the lines, in pixels.
    """
    pixels = ivar.shape[1]
    first, last = _ends(ivar > 0)
    below, above = -np.log10(1 - BEYOND) * 1e4, np.log10(1 + BEYOND) * 1e4
    fitted = (centres > first - below) & (centres < last + above)
    start, end = _ends(continuum != 0)
    outside = fitted & ((centres < start) | (centres > end))
    windows = _within(pixels, centres, outside)
    single = _runs(windows) == 1
    outside[single], windows[single] = False, False
    return Coverage(np.where(windows, 0, continuum), (continuum != 0) | windows, fitted, outside)


def _ends(there: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the first and last pixel of each row that is there, (n, 1).

    In a row without any, the first lies behind the last.
    """
    pixels = there.shape[1]
    some = there.any(axis=1)
    first = np.where(some, there.argmax(axis=1), pixels)
    last = np.where(some, pixels - 1 - there[:, ::-1].argmax(axis=1), -1)
    return first[:, None], last[:, None]


def _within(pixels: int, centres: Doubles, outside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which pixels are in the windows of lines, (n, pixels)."""
    index, found = np.arange(pixels), np.zeros((len(centres), pixels), bool)
    for line in np.flatnonzero(outside.any(axis=0)):
        rows = outside[:, line]
        found[rows] |= np.abs(index - centres[rows, line, None]) <= WINDOW
    return found


def _runs(windows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Count the windows of each row; those that touch are one."""
    return np.asarray((windows[:, 1:] & ~windows[:, :-1]).sum(axis=1) + windows[:, 0])
