"""The rest-frame grid of all spectra."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: log10 of the first wavelength in Angstrom (vacuum): SDSS's own sampling, from 3700.8 A.
LOGLAM0 = 3.5683
#: Step in log10 of wavelength, SDSS's and LAMOST's own.
LOGLAM_STEP = 1e-4
#: Number of pixels, up to 6798.3 A.
PIXELS = 2642
#: Names the grid in every table and model that depends on it.
GRID_ID = f"loglam-{LOGLAM0}-{LOGLAM_STEP:g}-{PIXELS}"


def loglam() -> npt.NDArray[np.float64]:
    """Return log10 of the grid's wavelengths in Angstrom, shape (PIXELS,)."""
    return LOGLAM0 + LOGLAM_STEP * np.arange(PIXELS, dtype=np.float64)


def wavelength() -> npt.NDArray[np.float64]:
    """Return the grid's wavelengths in Angstrom, shape (PIXELS,)."""
    return np.asarray(10.0 ** loglam())
