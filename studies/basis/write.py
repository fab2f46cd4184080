"""The file of a basis, as `galspec_spark.lines.read_templates` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits

from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP

ABOUT = """\
Spectra that stellar continua of galaxies are sums of, with additive polynomials.
Learned so that H beta and the other lines come out as SDSS's pipeline measured them.
Learning started from the principal components of spectra of stars, and took its targets
from SPECOBJ and SPZLINE of public SDSS spectra: areas, levels under lines, chi2 and
dispersions. No template of SDSS's pipeline was used.
Figures measured on the spectra that it learned from are no measure of its accuracy."""


def write_basis(path: Path, vectors: Doubles, loglam0: float, numbers: Mapping[str, Any]) -> None:
    """Write templates (TEMPLATES, pixels) as float32, and say what they are.

    Parameters
    ----------
    numbers
        Counts of ``spectra``, ``objects`` and ``agn`` that were learned from.
    """
    image = fits.PrimaryHDU(vectors.astype(">f4"))
    header = image.header
    header["COEFF0"] = loglam0, "log10 of the first wavelength in A, vacuum"
    header["COEFF1"] = LOGLAM_STEP, "step in log10 wavelength"
    header["NSPECTRA"] = numbers["spectra"], "galaxy spectra learned from"
    header["NOBJECTS"] = numbers["objects"], "galaxies that they are of"
    header["NAGN"] = numbers["agn"], "of the spectra, AGN by SDSS"
    for line in ABOUT.splitlines():
        header.add_comment(line)
    image.writeto(path, overwrite=True)
