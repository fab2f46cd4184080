"""A ridge on what a basis leaves: areas less SDSS's, from the coefficients of the continuum."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from galspec_spark.spectrum.arrays import Doubles
from studies.basis.scores import INDEX, Measured
from studies.basis.training import Training

#: Penalties that are tried, by leaving out spectra one by one.
PENALTIES = np.logspace(-1, 6, 15)
#: An area further off than this is no matter of the basis: a fit that went elsewhere. In units of
#: the median.
FURTHEST = 20.0
#: Velocity dispersions, and widths of H beta, are in units of so many km/s.
VELOCITY = 100.0


class Correction(NamedTuple):
    """Ridges, one for each line of the formula."""

    lines: tuple[Pipeline, ...]


def fit_correction(training: Training, found: Measured) -> Correction:
    """Fit SDSS's areas less ours, in units of the flux under each line.

    Spectra of which SDSS or we did not measure a line, or whose area is off by FURTHEST medians,
    are left out for this line.
    """
    off = training.area[:, INDEX] - found.area
    distance = np.abs(off / training.area_err[:, INDEX])
    near = distance <= FURTHEST * np.nanmedian(distance, axis=0)
    lines = []
    for line, wanted in enumerate((off / found.level).T):
        terms = _terms(found, line)
        good = near[:, line] & np.isfinite(wanted) & np.isfinite(terms).all(axis=1)
        good &= found.level[:, line] > 0
        ridge = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
        lines.append(ridge.fit(terms[good], wanted[good]))
    return Correction(tuple(lines))


def correct(found: Measured, correction: Correction) -> Measured:
    """Return the same with corrected areas; errors stay."""
    area = found.area.copy()
    for line, ridge in enumerate(correction.lines):
        terms = _terms(found, line)
        good = np.isfinite(terms).all(axis=1) & (found.level[:, line] > 0)
        area[good, line] += found.level[good, line] * ridge.predict(terms[good])
    return replace(found, area=area)


def _terms(found: Measured, line: int) -> Doubles:
    """Return what a ridge sees: coefficients by flux, and these times dispersion and width."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = found.theta / found.level[:, line, None]
    dispersion, width = (value[:, None] / VELOCITY for value in (found.dispersion, found.width))
    return np.concatenate([relative, relative * dispersion, relative * width], axis=1)
