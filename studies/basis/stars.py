"""Where learning starts: the principal components of spectra of stars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from galspec_spark.errors import UserError
from galspec_spark.lines.templates import TEMPLATES
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP


def read_stars(place: Path, loglam0: float, pixels: int) -> Doubles:
    """Read spectra in log wavelength, as MaStar's templates are, on a grid of 1e-4 dex.

    Parameters
    ----------
    place
        A file with one spectrum in its first image, or a folder of such files.
    loglam0, pixels
        The grid; a spectrum must cover it.

    Returns
    -------
    ndarray of shape (stars, pixels)
        Flux, of mean 1.

    Raises
    ------
    UserError
        If a file has no such spectrum, or there are less than TEMPLATES.
    """
    files = sorted(place.rglob("*.fits*")) if place.is_dir() else [place]
    loglam = np.asarray(loglam0 + LOGLAM_STEP * np.arange(pixels))
    stars = [_read(path, loglam) for path in files]
    if len(stars) < TEMPLATES:
        raise UserError(f"{place} has {len(stars)} spectra of stars: {TEMPLATES} are needed")
    return np.stack(stars)


def components(stars: Doubles) -> Doubles:
    """Return the leading components, orthonormal (TEMPLATES, pixels).

    The mean is not subtracted: all templates are terms of a sum.
    """
    return np.asarray(np.linalg.svd(stars, full_matrices=False)[2][:TEMPLATES])


def _read(path: Path, loglam: Doubles) -> Doubles:
    try:
        with fits.open(path) as opened:
            flux, header = np.asarray(opened[0].data, np.float64), opened[0].header
            first, step = header["CRVAL1"], header["CDELT1"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} has no spectrum of a star: {error}") from error
    own = first + step * np.arange(len(flux))
    if own[0] > loglam[0] + LOGLAM_STEP / 2 or own[-1] < loglam[-1] - LOGLAM_STEP / 2:
        raise UserError(f"{path} does not cover {10 ** loglam[0]:.0f} to {10 ** loglam[-1]:.0f} A")
    resampled = np.interp(loglam, own, flux)
    return np.asarray(resampled / resampled.mean())
