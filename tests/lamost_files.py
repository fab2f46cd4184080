"""Small LAMOST files made with astropy: an independent writer for the tests of our reader."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits

LOGLAM0, PIXELS = 3.5682, 3900
WITH_WAVELENGTHS = "Flux, Inverse, Wavelength, Andmask, Ormask"
WITHOUT_WAVELENGTHS = "Flux Inverse Subcontinuum Andmask Ormask"


def rows(seed: int = 0, pixels: int = PIXELS) -> dict[str, np.ndarray]:
    """Return the five rows by name, float64."""
    random = np.random.default_rng(seed)
    mask = np.where(random.random(pixels) < 0.01, 8.0, 0.0)
    return {
        "FLUX": random.normal(100, 10, pixels),
        "IVAR": random.uniform(0.5, 2, pixels) * (random.random(pixels) > 0.01),
        "WAVELENGTH": 10 ** (LOGLAM0 + 1e-4 * np.arange(pixels)),
        "ANDMASK": mask,
        "ORMASK": mask + 1,
    }


def header(**cards: Any) -> fits.Header:
    """Return the primary header; `cards` replaces some, or removes those that are None."""
    values = {
        "TELESCOP": "LAMOST", "EXTEN0": WITH_WAVELENGTHS, "LMJD": 55859, "MJD": 55858,
        "PLANID": "F5902", "SPID": 1, "FIBERID": 13, "RA": 332.2, "DEC": -2.05,
        "DESIG": "LAMOST J220848.54-020324.3", "OBJTYPE": "gal", "FIBERTYP": "Obj",
        "VACUUM": True, "COEFF0": LOGLAM0, "COEFF1": 1e-4, "VERSPIPE": "v2.9.8",
        "CLASS": "GALAXY", "SUBCLASS": "Non", "Z": 0.0601, "Z_ERR": 2e-5, **cards,
    }  # fmt: skip
    return fits.Header([(name, value) for name, value in values.items() if value is not None])


def image(dtype: str = "f4", data: dict[str, np.ndarray] | None = None, **cards: Any) -> Any:
    """Return a file with a primary image of five rows."""
    stacked = np.stack(list((data or rows()).values())).astype(dtype)
    return fits.HDUList([fits.PrimaryHDU(stacked, header(**cards))])


def table(data: dict[str, np.ndarray] | None = None, **cards: Any) -> fits.HDUList:
    """Return a file with a table of one row, all of it float32."""
    columns = [
        fits.Column(name, f"{len(row)}E", array=row[None]) for name, row in (data or rows()).items()
    ]
    coadd = fits.BinTableHDU.from_columns(columns, name="COADD")
    return fits.HDUList([fits.PrimaryHDU(header=header(EXTEN0=None, **cards)), coadd])
