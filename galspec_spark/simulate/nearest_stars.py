"""Spectra brought near to real stars: to the nearest sums of the templates of `lines`.

Black bodies with the Sun's lines are a few per cent off what stars are, which is more than the
emission lines of most galaxies: measured by any templates, each would have emission. A sum of the
templates is fitted by them as real stars are.
"""

from __future__ import annotations

import numpy as np

from galspec_spark.lines.templates import own_templates
from galspec_spark.simulate.stellar_lines import balmer
from galspec_spark.spectrum.arrays import Array

#: Weight of pixels so near to a Balmer line, in A: the fit of a galaxy masks them, this must not.
BALMER_WEIGHT, BALMER_REACH = 10.0, 15.0
#: Pixels at either end of the templates over which they fade in.
EDGE = 30


def like_stars(spectra: Array, wavelength: Array) -> Array:
    """Replace spectra by sums of `own_templates`, where these reach.

    Parameters
    ----------
    spectra
        Shape (n, pixels), in steps of 1e-4 dex, a whole number of which lies between them and the
        templates.
    wavelength
        Shape (pixels,), at rest, in A.

    Returns
    -------
    ndarray of shape (n, pixels)
        The least-squares sums; the spectra as they were outside the templates.
    """
    stars = own_templates()
    first = int(np.argmin(np.abs(wavelength - 10**stars.loglam0)))
    inside = slice(first, first + stars.pixels)
    balmer_lines = balmer(np.arange(3, 7))
    distance = np.abs(wavelength[inside] - balmer_lines[:, None]).min(axis=0)
    weight = np.where(distance < BALMER_REACH, BALMER_WEIGHT, 1.0)
    basis, rows = stars.at(0, 0), spectra[:, inside]
    sums = np.linalg.lstsq((basis * weight).T, (rows * weight).T, rcond=None)[0].T @ basis
    pixel = np.arange(stars.pixels)
    fade = np.minimum(pixel, pixel[::-1]) / EDGE
    found = spectra.copy()
    found[:, inside] += fade.clip(0, 1) * (sums - rows)
    return found
