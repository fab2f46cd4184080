"""Spectra whose lines are measured, as matrices, and the pixels that SDSS's pipeline leaves out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.linelist import LineList
from galspec_spark.spectrum.arrays import Array, Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Observed wavelengths outside of which nothing is used, in A.
USED = 3600.0, 10400.0
#: A pixel this many sigma below zero is left out.
NEGATIVE = -10.0
#: Pixels to either side of what is left out that are left out too.
GROWN = 2


@dataclass(frozen=True)
class Spectra:
    """n spectra in steps of 1e-4 dex, each from its own first wavelength on."""

    flux: Doubles  #: (n, pixels)
    ivar: Doubles  #: (n, pixels), 0 where there is no information
    loglam0: Doubles  #: (n,) log10 of the first wavelength in A, at rest, vacuum

    @classmethod
    def observed(
        cls,
        flux: Doubles,
        ivar: Doubles,
        loglam0: Doubles,
        z: Doubles,
        bad_sky: npt.NDArray[np.bool_] | None = None,
    ) -> Spectra:
        """Leave out what SDSS leaves out of spectra as they were observed.

        Parameters
        ----------
        flux, ivar
            Shape (n, pixels).
        loglam0
            Shape (n,): log10 of the first wavelength in A, as observed, vacuum.
        z
            Shape (n,): redshifts, above -1.
        bad_sky
            Shape (n, pixels): where the subtraction of the sky failed.
        """
        loglam = loglam0[:, None] + LOGLAM_STEP * np.arange(flux.shape[1])
        good = (ivar > 0) & np.isfinite(ivar) & np.isfinite(flux)
        flux, ivar = np.where(good, flux, 0), np.where(good, ivar, 0)
        low, high = np.log10(USED)
        left_out = (loglam < low) | (loglam > high)
        left_out |= _grown(flux * np.sqrt(ivar) <= NEGATIVE)
        if bad_sky is not None:
            left_out |= _grown(bad_sky)
        return cls(flux, np.where(left_out, 0, ivar), loglam0 - np.log10(1 + z))

    def take(self, rows: Array) -> Spectra:
        """Return some of the spectra."""
        return replace(self, flux=self.flux[rows], ivar=self.ivar[rows], loglam0=self.loglam0[rows])

    def centres(self, lines: LineList) -> Doubles:
        """Return the place of each line at the spectra's redshifts, in pixels, (n, lines)."""
        return (np.log10(lines.wavelength) - self.loglam0[:, None]) / LOGLAM_STEP


def _grown(left_out: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Leave out the neighbours too."""
    grown = left_out.copy()
    for step in range(1, GROWN + 1):
        grown[:, step:] |= left_out[:, :-step]
        grown[:, :-step] |= left_out[:, step:]
    return grown
