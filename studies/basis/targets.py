"""What a basis should give of spectra: SDSS's areas, levels and chi2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galspec_spark.lines.linelist import all_lines
from galspec_spark.lines.templates import DISPERSIONS
from galspec_spark.spectrum.arrays import Doubles
from studies.basis.response import NEIGHBOURS, Frame, Response
from studies.basis.training import Training


@dataclass(frozen=True)
class Tolerances:
    """What is close to SDSS's values. These have no noise: tolerances only weight residuals."""

    area: float = 1.0  #: errors of the area
    level: float = 30.0  #: errors of the area, spread over the width of the line
    chi2: float = 30.0


@dataclass(frozen=True)
class Targets:
    """SDSS's values, in the order of `Response`, and weights; a weight is 0 where there is none."""

    value: Doubles  #: (n, values)
    value_weight: Doubles  #: (n, values)
    chi2: Doubles  #: (n, 3)
    chi2_weight: Doubles  #: (n, 3)

    def residual(self, response: Response) -> tuple[Doubles, Doubles]:
        """Return weighted differences of values and of chi2, ours minus SDSS's."""
        value, chi2 = response.value - self.value, response.chi2 - self.chi2
        return np.nan_to_num(value) * self.value_weight, np.nan_to_num(chi2) * self.chi2_weight

    def mean_residual(self, response: Response) -> float:
        """Return the root mean square of the weighted differences."""
        squares = sum(float((part**2).sum()) for part in self.residual(response))
        count = np.count_nonzero(self.value_weight) + np.count_nonzero(self.chi2_weight)
        return float(np.sqrt(squares / count))


def targets(training: Training, frame: Frame, tolerances: Tolerances) -> Targets:
    """Return what a basis should give of n spectra."""
    lines = [all_lines().index(name) for name in frame.lines]
    area, area_err, level = (
        value[:, lines] for value in (training.area, training.area_err, training.level)
    )
    width = np.sqrt(2 * np.pi) * training.searched[:, 1:].mean(axis=1, keepdims=True)
    value = np.concatenate([area, level], axis=1)
    tolerance = np.concatenate(
        [tolerances.area * area_err, tolerances.level * area_err / width], axis=1
    )
    known = np.isfinite(value) & (tolerance > 0)
    chi2 = _chi2(training)
    return Targets(
        np.where(known, value, 0),
        np.where(known, 1 / np.where(known, tolerance, 1), 0),
        np.nan_to_num(chi2),
        np.isfinite(chi2) / tolerances.chi2,
    )


def _chi2(training: Training) -> Doubles:
    """Return SDSS's chi2 at three dispersions of the grid, (n, 3).

    Its dispersion, error and chi2 are those of the parabola through these three. At the ends of the
    range there is only the one.
    """
    step = DISPERSIONS[1] - DISPERSIONS[0]
    nearest = np.rint(training.dispersion / step)
    inside = (training.dispersion_err > 0) & (nearest > 0) & (nearest < len(DISPERSIONS) - 1)
    place = nearest[:, None] + np.array(NEIGHBOURS) - training.dispersion[:, None] / step
    error = np.where(inside, training.dispersion_err, np.inf) / step
    chi2 = training.chi2[:, None] + (place / error[:, None]) ** 2
    return np.where(inside[:, None] | (np.array(NEIGHBOURS) == 0), chi2, np.nan)
