"""The file of a basis, as `galspec_spark.lines.read_templates` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from galspec_spark.lines.templates import KEY, SEEN
from galspec_spark.spectrum.arrays import Array, Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Comments of the header, a card of at most 72 characters each.
ABOUT = """\
Spectra that the stellar continua of galaxies are sums of, together with
polynomials. Learned so that H beta and other lines come out as SDSS's
pipeline measured them. Learning started from the principal components
of spectra of stars. Its targets are SPECOBJ and SPZLINE of public SDSS
spectra: areas, levels under lines, chi2 and dispersions. No template of
SDSS's pipeline was used. Figures that were measured on the spectra that
it learned from say nothing of how accurate it is on others."""


def write_basis(
    path: Path, vectors: Doubles, loglam0: float, keys: Array, numbers: Mapping[str, Any]
) -> None:
    """Write templates (TEMPLATES, pixels) as float32, and say what they are.

    Parameters
    ----------
    keys
        Keys of the spectra that were learned from.
    numbers
        Counts of ``spectra``, ``objects`` and ``agn`` that were learned from, and the ``stars``.
    """
    image = fits.PrimaryHDU(vectors.astype(">f4"))
    header = image.header
    header["COEFF0"] = loglam0, "log10 of the first wavelength in A, vacuum"
    header["COEFF1"] = LOGLAM_STEP, "step in log10 wavelength"
    header["NSPECTRA"] = numbers["spectra"], "galaxy spectra learned from"
    header["NOBJECTS"] = numbers["objects"], "galaxies that they are of"
    header["NAGN"] = numbers["agn"], "of the spectra, AGN by SDSS"
    header["STARS"] = numbers["stars"], "folder of the spectra of stars"
    for line in ABOUT.splitlines():
        header.add_comment(line)
    fits.HDUList([image, seen_table(keys)]).writeto(path, overwrite=True)


def seen_table(keys: Array) -> fits.BinTableHDU:
    """Return the table that names the spectra that were learned from."""
    column = fits.Column(KEY, f"{max(map(len, keys))}A", array=np.sort(keys))
    return fits.BinTableHDU.from_columns([column], name=SEEN)
