"""Which lines are fitted together, and what ties them: emission_lines.csv, by reduction."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Doubles

#: From this wavelength on, tables give wavelengths in air.
AIR_FROM = 2000.0
#: Pixels to either side of a line whose mean is the flux under it. From BOSS on, 15 comes within
#: 1 % of what SDSS gives for H alpha; 0 is exact before.
LEVEL_REACH = {"sdss": 0, "boss": 15, "eboss": 15}


@dataclass(frozen=True)
class LineList:
    """Lines that one reduction fits together."""

    reductions: str
    names: tuple[str, ...]  #: prefixes of the columns
    linenames: tuple[str, ...]  #: LINENAME of SPZLINE
    wavelength: Doubles  #: (lines,) at rest in A, vacuum
    balmer: npt.NDArray[np.bool_]  #: (lines,) whether a line has the width of the Balmer lines
    amplitude: npt.NDArray[np.intp]  #: (lines,) the line whose amplitude it has
    ratio: Doubles  #: (lines,) times this
    level_reach: int  #: pixels to either side of a line whose mean is the flux under it


@cache
def line_lists() -> dict[str, LineList]:
    """Return the lists by their reductions: sdss, boss, eboss."""
    text = files(__package__).joinpath("emission_lines.csv").read_text().splitlines()
    rows = list(csv.DictReader(row for row in text if not row.startswith("#")))
    reductions = dict.fromkeys(name for row in rows for name in row["reductions"].split())
    return {
        name: _line_list(name, [row for row in rows if name in row["reductions"].split()])
        for name in reductions
    }


def all_lines() -> tuple[str, ...]:
    """Return the lines of all lists, by wavelength: prefixes of columns."""
    found = {
        name: wavelength
        for lines in line_lists().values()
        for name, wavelength in zip(lines.names, lines.wavelength, strict=True)
    }
    return tuple(sorted(found, key=found.__getitem__))


def reductions_of(run2d: str | None) -> str:
    """Return which list SDSS fitted in a reduction; the newest where RUN2D is not SDSS's."""
    if run2d and run2d.isdigit():
        return "sdss"
    version = re.match(r"v(\d+)_(\d+)", run2d or "")
    if version and (int(version[1]), int(version[2])) < (5, 8):
        return "boss"
    return "eboss"


def vacuum(air: Doubles) -> Doubles:
    """Convert wavelengths in A from air to vacuum (IAU standard, Morton 1991, ApJS 77, 119)."""
    wavenumber2 = (1e4 / air) ** 2
    refraction = 1 + 6.4328e-5 + 2.94981e-2 / (146 - wavenumber2) + 2.5540e-4 / (41 - wavenumber2)
    return np.where(air >= AIR_FROM, air * refraction, air)


def _line_list(reductions: str, rows: list[dict[str, str]]) -> LineList:
    names = tuple(row["line"] for row in rows)
    return LineList(
        reductions,
        names,
        tuple(row["name"] for row in rows),
        vacuum(np.array([float(row["wavelength"]) for row in rows])),
        np.array([row["width"] == "balmer" for row in rows]),
        np.array([names.index(row["tied_to"] or row["line"]) for row in rows]),
        np.array([float(row["ratio"] or 1) for row in rows]),
        LEVEL_REACH[reductions],
    )
