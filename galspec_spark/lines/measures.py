"""Lines of spectra as SDSS's pipeline measures them: everything in a row of the table ``lines``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.continuum import Continuum, fit_continuum
from galspec_spark.lines.formula import FORMULA_LINES, is_broad, margin, subclass, survival
from galspec_spark.lines.joint_fit import LineFit, fit_lines
from galspec_spark.lines.linelist import LineList, all_lines, line_lists, reductions_of
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import LIGHT_SPEED, Templates
from galspec_spark.spectrum.arrays import Array, Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP

#: Spectra whose continua are fitted at once, and whose lines are: as many as memory holds of the
#: first, and as the processor's cache holds of the second.
CONTINUA, FITS = 1024, 128
#: Errors of lines that were not measured: not in the range, or no good pixel within 3 widths.
NOT_FITTED, NO_PIXEL = -1.0, -2.0
#: km/s in a pixel, to first order.
PIXEL_VELOCITY = LIGHT_SPEED * np.log(10) * LOGLAM_STEP
#: What is kept of each line.
LINE_VALUES = (
    "area", "area_err", "ew", "ew_err", "continuum", "continuum_err", "sigma", "sigma_err",
    "chi2", "pixels",
)  # fmt: skip

#: What is kept of each spectrum, of all its lines and of its continuum.
SINGLE = (
    "z", "z_err", "converged", "velocity_dispersion", "velocity_dispersion_err", "continuum_chi2",
    "continuum_pixels",
)  # fmt: skip


@dataclass(frozen=True)
class Measures:
    """Measures of n spectra, NaN where there is none; lines are those of `all_lines`."""

    z: Doubles  #: (n,) of the lines
    z_err: Doubles  #: (n,)
    velocity_dispersion: Doubles  #: (n,) of the stars, km/s
    velocity_dispersion_err: Doubles  #: (n,)
    continuum_chi2: Doubles  #: (n,)
    continuum_pixels: npt.NDArray[np.int64]  #: (n,)
    lines: dict[str, Doubles]  #: LINE_VALUES, each (n, lines)
    converged: npt.NDArray[np.bool_]  #: (n,)
    subclass: npt.NDArray[np.str_]  #: (n,) by the formula: AGN, STARFORMING, STARBURST or empty
    margin: Doubles  #: (n,) sigma by which it is AGN
    survival: Doubles  #: (n,) probability that a second look says the same of AGN
    broadline: npt.NDArray[np.bool_]  #: (n,)

    def line(self, name: str) -> dict[str, Doubles]:
        """Return the LINE_VALUES of one line, each (n,)."""
        index = all_lines().index(name)
        return {value: found[:, index] for value, found in self.lines.items()}


def measure(spectra: Spectra, z: Doubles, run2d: Array, templates: Templates) -> Measures:
    """Measure the lines of n spectra.

    Parameters
    ----------
    spectra
        n spectra, moved to rest by ``z``.
    z
        Shape (n,): redshifts.
    run2d
        Shape (n,): SDSS's RUN2D, which decides what lines are fitted; None of other surveys.
    templates
        What the continua are made of.

    Notes
    -----
    Areas are in units of the flux times A, equivalent widths in A (observed, positive in emission),
    widths in km/s, as in SDSS's SPZLINE. An error of -1 marks a line outside of the range, -2 one
    without a good pixel.
    """
    lists = np.array([reductions_of(name) for name in run2d])
    values = _Values(len(z))
    if not spectra.flux.size:
        return values.measures()
    for part in _batches(np.arange(len(z)), CONTINUA):
        continuum = fit_continuum(spectra.take(part), templates)
        values.put_continuum(part, continuum)
        for name in np.unique(lists[part]):
            for rows in _batches(np.flatnonzero(lists[part] == name), FITS):
                some = spectra.take(part[rows])
                fit = fit_lines(some, continuum.flux[rows], line_lists()[name])
                values.put_lines(part[rows], z[part[rows]], fit, line_lists()[name])
    return values.measures()


def _batches(rows: npt.NDArray[np.intp], size: int) -> list[npt.NDArray[np.intp]]:
    return np.split(rows, range(size, len(rows), size))


class _Values:
    """The measures while they are filled in, list by list."""

    def __init__(self, n: int) -> None:
        self.single = {name: np.full(n, np.nan) for name in SINGLE}
        self.lines = {name: np.full((n, len(all_lines())), np.nan) for name in LINE_VALUES}
        self.lines["area_err"][:] = NOT_FITTED

    def put_continuum(self, rows: npt.NDArray[np.intp], continuum: Continuum) -> None:
        """Fill in the continua of some of the spectra."""
        self.single["velocity_dispersion"][rows] = continuum.dispersion
        self.single["velocity_dispersion_err"][rows] = continuum.dispersion_err
        self.single["continuum_chi2"][rows] = continuum.chi2
        self.single["continuum_pixels"][rows] = continuum.pixels

    def put_lines(
        self, rows: npt.NDArray[np.intp], z: Doubles, fit: LineFit, lines: LineList
    ) -> None:
        """Fill in what was fitted of some of the spectra with one list of lines."""
        line_z = (1 + z) * 10 ** (LOGLAM_STEP * fit.searched[:, 0]) - 1
        self.single["z"][rows] = line_z
        self.single["z_err"][rows] = (
            (1 + line_z) * np.log(10) * LOGLAM_STEP * fit.searched_err[:, 0]
        )
        self.single["converged"][rows] = fit.converged
        columns = [all_lines().index(name) for name in lines.names]
        for name, value in _line_values(line_z, fit, lines).items():
            self.lines[name][rows[:, None], columns] = value

    def measures(self) -> Measures:
        """Classify, and return all."""
        index = [all_lines().index(name) for name in FORMULA_LINES]
        area, area_err = (self.lines[name][:, index] for name in ("area", "area_err"))
        ew, ew_err = (
            self.lines[name][:, all_lines().index("h_alpha")] for name in ("ew", "ew_err")
        )
        everything = (self.lines[name] for name in ("area", "area_err", "sigma", "sigma_err"))
        single = {
            **self.single,
            "subclass": subclass(area, area_err, ew, ew_err),
            "margin": margin(area, area_err),
            "survival": survival(area, area_err, self._under(index)),
            "broadline": is_broad(*everything),
            "continuum_pixels": np.nan_to_num(self.single["continuum_pixels"]).astype(np.int64),
            "converged": self.single["converged"] == 1,
        }
        return Measures(**{**single, "lines": self.lines})

    def _under(self, index: list[int]) -> Doubles:
        """Return the continuum under some lines, in units of their areas, (n, lines)."""
        lines = line_lists()["eboss"]  # which has all of them
        rest = lines.wavelength[[lines.names.index(all_lines()[each]) for each in index]]
        observed = rest * (1 + self.single["z"][:, None])
        sigma = self.lines["sigma"][:, index] / LIGHT_SPEED * observed
        return np.asarray(self.lines["continuum"][:, index] * np.sqrt(2 * np.pi) * sigma)


def _line_values(z: Doubles, fit: LineFit, lines: LineList) -> dict[str, Doubles]:
    """Return LINE_VALUES of the lines of one list, each (n, lines)."""
    width = lines.wavelength * (1 + z[:, None]) * np.log(10) * LOGLAM_STEP  # A in a pixel
    area, area_err = fit.area * width, fit.area_err * width
    relative = np.hypot(fit.area_err * fit.level, fit.level_err * fit.area)
    with np.errstate(divide="ignore", invalid="ignore"):
        ew, ew_err = area / fit.level, relative / fit.level**2 * width
    columns = np.where(lines.balmer, 1, 2)
    missing = np.where(fit.fitted, NO_PIXEL, NOT_FITTED)
    measured = fit.fitted & (fit.pixels > 0)
    of_line = {
        "area": area,
        "ew": ew,
        "ew_err": ew_err,
        "continuum": fit.level,
        "continuum_err": fit.level_err,
        "chi2": fit.chi2,
    }
    of_width = {
        "sigma": fit.searched[:, columns] * PIXEL_VELOCITY,
        "sigma_err": fit.searched_err[:, columns] * PIXEL_VELOCITY,
        "pixels": fit.pixels,
    }
    return {
        **{name: np.where(measured, value, np.nan) for name, value in of_line.items()},
        **{name: np.where(fit.fitted, value, np.nan) for name, value in of_width.items()},
        "area_err": np.where(measured, area_err, missing),
    }
