"""Attenuation by dust relative to the V band, by two standard laws."""

from __future__ import annotations

import numpy as np

from galspec_spark.spectrum.arrays import Array


def calzetti(wavelength: Array) -> Array:
    """Return A(lambda)/A(V) of starlight in galaxies: Calzetti et al. (2000), R_V = 4.05.

    `wavelength` is in Angstrom, from 1200 to 22000; any shape.
    """
    inverse = 1e4 / wavelength
    short = 2.659 * (-2.156 + inverse * (1.509 + inverse * (-0.198 + inverse * 0.011))) + 4.05
    long = 2.659 * (-1.857 + 1.040 * inverse) + 4.05
    return np.asarray(np.where(wavelength < 6300, short, long) / 4.05)


def cardelli(wavelength: Array) -> Array:
    """Return A(lambda)/A(V) of our own Galaxy and of nebulae: Cardelli et al. (1989), R_V = 3.1.

    `wavelength` is in Angstrom, from 3000 to 9500; any shape.
    """
    y = 1e4 / wavelength - 1.82
    a = (0.32999, -0.77530, 0.01979, 0.72085, -0.02427, -0.50447, 0.17699, 1.0)
    b = (-2.09002, 5.30260, -0.62251, -5.38434, 1.07233, 2.28305, 1.41338, 0.0)
    return np.asarray(np.polyval(a, y) + np.polyval(b, y) / 3.1)


def transmission(law: Array, a_v: Array) -> Array:
    """Return the fraction of light that `a_v` magnitudes transmit, for A(lambda)/A(V) = `law`."""
    return np.asarray(np.exp(-0.4 * np.log(10) * a_v * law))
