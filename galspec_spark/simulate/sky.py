"""The night sky and the spectrograph: efficiency, resolution, scatter, airglow."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Array

#: The observed grid that all windows are cut from: 3784 to 9268 A in steps of 1e-4 dex.
LOGLAM0, STEP, PIXELS = 3.5780, 1e-4, 3890

# fmt: off
#: Relative efficiency of telescope, fibre and CCDs, by wavelength in Angstrom.
EFFICIENCY = (
    (3780, 0.22), (3850, 0.33), (4000, 0.50), (4200, 0.62), (4400, 0.70), (4600, 0.75),
    (5000, 0.82), (5500, 0.83), (5750, 0.84), (5850, 1.02), (6050, 1.05), (6200, 1.00),
    (6600, 1.03), (7000, 1.07), (7600, 0.96), (8000, 0.97), (8400, 0.88), (8800, 0.77),
    (9200, 0.67), (9300, 0.64),
)
#: Width (sigma) of the line-spread function in pixels: blue and red camera meet near 5900 A.
RESOLUTION = (
    (3780, 1.15), (4000, 1.10), (4400, 1.015), (4800, 0.94), (5200, 0.875), (5600, 0.823),
    (5790, 0.81), (5990, 0.955), (6200, 0.96), (6600, 0.90), (7000, 0.838), (7600, 0.765),
    (8200, 0.715), (8800, 0.691), (9300, 0.715),
)
#: Scatter relative to the sigma of ivar, at high S/N: resampling averages neighbours.
SCATTER = (
    (3780, 1.05), (4300, 0.98), (4700, 0.80), (5500, 0.78), (5900, 0.75), (6200, 0.68),
    (7100, 0.64), (7250, 0.80), (7450, 0.62), (7600, 0.80), (8000, 0.70), (8300, 0.80),
    (8800, 1.05), (9300, 1.05),
)
#: Airglow lines (air wavelength, peak in 1e-17 erg/s/cm2/A at SDSS's resolution).
AIRGLOW = (
    (4046.6, 4), (4358.3, 8), (5460.7, 8), (5577.3, 160), (5683.0, 4), (5891.5, 32), (5820.0, 5),
    (6300.3, 62), (6363.8, 20), (6498.7, 6), (6533.0, 6), (6553.6, 6), (6577.2, 5), (6863.9, 12),
    (6923.2, 9), (6949.0, 6), (7244.9, 12), (7276.4, 22), (7284.4, 8), (7303.7, 7), (7316.3, 24),
    (7329.1, 8), (7340.9, 24), (7358.7, 10), (7369.2, 14), (7392.2, 6), (7401.7, 10), (7524.1, 12),
    (7571.7, 8), (7712.0, 8), (7715.0, 9), (7750.6, 22), (7759.0, 8), (7780.4, 10), (7794.1, 24),
    (7808.5, 12), (7821.5, 22), (7841.3, 12), (7853.3, 16), (7868.6, 7), (7878.0, 8), (7890.8, 6),
    (7913.7, 28), (7921.0, 8), (7949.2, 10), (7964.6, 26), (7993.3, 28), (8014.1, 12), (8025.9, 22),
    (8052.0, 9), (8061.9, 12), (8098.5, 6), (8280.7, 18), (8288.6, 20), (8298.5, 22), (8310.7, 26),
    (8344.6, 52), (8352.8, 16), (8382.4, 28), (8399.2, 56), (8415.2, 26), (8430.2, 48),
    (8452.3, 24), (8465.4, 32), (8493.4, 18), (8504.6, 22), (8538.7, 10), (8548.7, 10),
    (8760.7, 14), (8767.9, 32), (8778.3, 38), (8791.2, 40), (8824.5, 18), (8827.1, 56),
    (8836.0, 26), (8850.4, 44), (8867.6, 38), (8885.9, 74), (8903.1, 36), (8919.6, 70),
    (8943.4, 36), (8957.9, 56), (8988.4, 34), (9001.6, 38), (9038.0, 26), (9049.5, 30), (9091.0, 8),
    (9102.0, 12), (9153.0, 10), (9217.0, 14), (9245.0, 18),
)
# fmt: on


def loglam() -> npt.NDArray[np.float64]:
    """Return log10 of the observed wavelengths in Angstrom, shape (PIXELS,)."""
    return np.asarray(LOGLAM0 + STEP * np.arange(PIXELS))


@lru_cache(maxsize=1)
def wavelength() -> npt.NDArray[np.float64]:
    """Return the observed wavelengths in Angstrom (vacuum), shape (PIXELS,)."""
    return np.asarray(10.0 ** loglam())


@lru_cache(maxsize=8)
def curve(points: tuple[tuple[float, float], ...]) -> Array:
    """Return a curve through (wavelength, value) points on the observed grid."""
    wave, value = np.array(points).T
    return np.asarray(np.interp(wavelength(), wave, value))


@lru_cache(maxsize=1)
def continuum() -> Array:
    """Return the sky between its lines, 1e-17 erg/s/cm2/A, shape (PIXELS,)."""
    wave = wavelength()
    sodium = 5.0 * np.exp(-0.5 * ((wave - 5890) / 90.0) ** 2)  # high-pressure sodium lamps
    oh_bands = 2.5 / (1 + np.exp((7200 - wave) / 200)) - 4.0 / (1 + np.exp((9060 - wave) / 30))
    return np.asarray(9.5 + 4.0 * np.exp(-(((wave - 4100) / 350) ** 2)) + sodium + oh_bands)


@lru_cache(maxsize=1)
def lines() -> Array:
    """Return the airglow lines, 1e-17 erg/s/cm2/A, shape (PIXELS,)."""
    wave, width = wavelength(), curve(RESOLUTION)
    total = np.zeros(PIXELS)
    for air, peak in AIRGLOW:
        at = (np.log10(air * 1.000278) - LOGLAM0) / STEP
        total += peak * np.exp(-0.5 * ((np.arange(PIXELS) - at) / width) ** 2)
    total[wave < 3790] = 0
    return total
