"""How measured lines and classes agree with SDSS's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from galspec_spark.lines.continuum import fit_continuum
from galspec_spark.lines.formula import FORMULA_LINES, margin
from galspec_spark.lines.linelist import all_lines, line_lists
from galspec_spark.lines.measures import measure
from galspec_spark.lines.templates import Templates
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP
from studies.basis.training import Training

INDEX = [all_lines().index(name) for name in FORMULA_LINES]
WAVELENGTH = np.array([
    line_lists()["sdss"].wavelength[line_lists()["sdss"].names.index(name)]
    for name in FORMULA_LINES
])  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """The lines of the formula in n spectra, as the product measures them, in pixels."""

    area: Doubles  #: (n, 4)
    area_err: Doubles  #: (n, 4)
    level: Doubles  #: (n, 4) flux under the lines
    theta: Doubles  #: (n, TERMS) coefficients of the continuum
    dispersion: Doubles  #: (n,) km/s
    width: Doubles  #: (n,) of H beta, km/s

    @classmethod
    def join(cls, parts: Sequence[Measured]) -> Measured:
        """Return the spectra of all parts."""
        names = [field.name for field in fields(cls)]
        return cls(**{
            name: np.concatenate([getattr(part, name) for part in parts]) for name in names
        })  # fmt: skip


def measured(training: Training, templates: Templates) -> Measured:
    """Measure spectra with templates."""
    found = measure(training.spectra, training.z, training.run2d, templates)
    pixel = WAVELENGTH * (1 + found.z[:, None]) * np.log(10) * LOGLAM_STEP  # A
    area, area_err, level = (
        found.lines[name][:, INDEX] for name in ("area", "area_err", "continuum")
    )
    return Measured(
        area / pixel,
        np.where(area_err > 0, area_err / pixel, area_err),
        level,
        fit_continuum(training.spectra, templates).coefficients,
        found.velocity_dispersion,
        found.line("h_beta")["sigma"],
    )


def agn_scores(training: Training, found: Measured) -> dict[str, float]:
    """Compare the formula's AGN with SDSS's."""
    ours, theirs = margin(found.area, found.area_err) > 0, training.subclass == "AGN"
    true, false, missed = (
        int(part.sum()) for part in (ours & theirs, ours & ~theirs, ~ours & theirs)
    )
    return {
        "f1": round(2 * true / max(1, 2 * true + false + missed), 4),
        "true_positive": true,
        "false_positive": false,
        "false_negative": missed,
    }


def differences(training: Training, found: Measured) -> Doubles:
    """Return areas less SDSS's in SDSS's errors, (n, 4), NaN where there is none."""
    with np.errstate(invalid="ignore"):
        return (found.area - training.area[:, INDEX]) / training.area_err[:, INDEX]


def offsets(training: Training, found: Measured) -> dict[str, dict[str, float]]:
    """Return the median of the differences of each line, and half of what holds 68 %."""
    result = {}
    for name, sigma in zip(FORMULA_LINES, differences(training, found).T, strict=True):
        low, middle, high = np.nanquantile(sigma, [0.16, 0.5, 0.84])
        result[name] = {
            "spectra": int(np.isfinite(sigma).sum()),
            "offset_sigma": round(float(middle), 3),
            "scatter_sigma": round(float(high - low) / 2, 3),
        }
    return result
