"""Pairs of observations of galaxies that did not change, and changes planted into them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from galspec_spark.changes.compare import COMPARED, Observations
from galspec_spark.spectrum.arrays import Doubles

Generator = np.random.Generator
#: Lines of a galaxy by the area of H alpha, on both sides of what is an AGN; others are fainter.
RATIOS = {"h_alpha": 1.0, "nii_6583": 0.6, "oiii_5007": 0.9, "h_beta": 0.3, "sii_6716": 0.2}
#: Errors of a spectrum: of its flux as a whole, of each line's, and of the continuum under a line,
#: in any and in a Balmer line.
CALIBRATION, OF_LINE, OF_CONTINUUM, OF_BALMER = 0.06, 0.04, 0.02, 0.1
BALMER = np.array([name.startswith("h_") for name in COMPARED])


def galaxies(random: Generator, count: int) -> tuple[Doubles, Observations]:
    """Return the true areas, and what is the same in both observations: levels and errors."""
    shape = (count, len(COMPARED))
    ratios = np.array([RATIOS.get(name, 0.05) for name in COMPARED])
    area = ratios * 10 ** random.uniform(0, 3, (count, 1)) * 10 ** random.normal(0, 0.2, shape)
    continuum = 10 ** random.uniform(0, 1.5, (count, 1)) * np.ones(shape)
    error = random.uniform(0.8, 1.5, shape) * np.sqrt(continuum)
    return area, Observations(area, error, continuum, 0.01 * continuum, np.full(shape, 8.0))


def observe(random: Generator, truth: Doubles, galaxy: Observations, noise: float) -> Observations:
    """Observe areas with all kinds of errors; that of the noise is so many times the galaxy's."""
    area_err, continuum_err = galaxy.area_err * noise, galaxy.continuum_err * noise
    area = truth * random.normal(1, OF_LINE, truth.shape) + random.normal(0, area_err)
    area += random.normal(0, OF_CONTINUUM, truth.shape) * galaxy.continuum * galaxy.width
    # What the templates have too much under a Balmer line, the line lacks.
    more = random.normal(0, OF_BALMER, truth.shape) * BALMER * galaxy.continuum
    area -= more * galaxy.width
    factor = random.normal(1, CALIBRATION, (len(truth), 1))
    return replace(
        galaxy,
        area=factor * area,
        area_err=factor * area_err,
        continuum=factor * random.normal(galaxy.continuum + more, continuum_err),
        continuum_err=factor * continuum_err,
    )
