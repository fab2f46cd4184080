"""The flux that a fit stands for, to be looked at beside the spectrum."""

from __future__ import annotations

import numpy as np

from galspec_spark.lines.joint_fit import LineFit
from galspec_spark.lines.linelist import LineList
from galspec_spark.lines.spectra import Spectra
from galspec_spark.spectrum.arrays import Doubles


def model_flux(spectra: Spectra, continuum: Doubles, lines: LineList, fit: LineFit) -> Doubles:
    """Return continuum and lines of n fits, (n, pixels); NaN outside the templates."""
    flux = np.where(continuum != 0, fit.scale[:, None] * continuum, np.nan)
    width = fit.searched[:, np.where(lines.balmer, 1, 2)]
    centre = spectra.centres(lines) + fit.searched[:, :1]
    pixel = np.arange(flux.shape[1])
    for line in np.flatnonzero(fit.fitted.any(axis=0)):
        u = (pixel - centre[:, line, None]) / width[:, line, None]
        height = fit.area[:, line] / (np.sqrt(2 * np.pi) * width[:, line])
        flux += height[:, None] * np.exp(-0.5 * u**2)
    return flux
