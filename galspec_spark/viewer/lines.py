"""The lines that the page names, their fits, and the place of a spectrum on the BPT plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from galspec_spark.report.release.bpt import DETECTED, OFFSET, SLOPE
from galspec_spark.report.release.bpt import LINES as OF_PLANE
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.lines import LINES


@dataclass(frozen=True)
class Named:
    """A line that the page names."""

    name: str  #: prefix of its columns in the table ``lines``
    label: str
    wavelength: float  #: at rest, vacuum, A


#: Those of the tables, and further ones with a fit; vacuum wavelengths as in SDSS's list.
NAMED = tuple(
    sorted(
        [
            *(Named(line.name, line.label, line.wavelength) for line in LINES),
            Named("neiii_3869", "[Ne III]3869", 3869.86),
            Named("h_delta", "Hδ", 4102.89),
            Named("h_gamma", "Hγ", 4341.68),
            Named("oiii_4363", "[O III]4363", 4364.44),
            Named("hei_5876", "He I 5876", 5877.31),
        ],
        key=lambda line: line.wavelength,
    )
)
#: What is kept of each fit.
VALUES = ("area", "area_err", "ew", "continuum", "sigma")
#: Stellar absorption, which has a name and no fit.
ABSORPTION = (
    ("Ca K", 3934.78), ("Ca H", 3969.59), ("G band", 4305.61), ("Mg b", 5176.63), ("Na D", 5895.60),
)  # fmt: skip
#: Columns of ``lines`` that the page needs.
COLUMNS = (
    "line_z", "formula_subclass", "formula_margin", "formula_survival",
    *(f"{line.name}_{value}" for line in NAMED for value in VALUES),
)  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """The plane of two ratios of lines: log10 of [N II]6583/Hα and of [O III]5007/Hβ."""

    lines: Sequence[str] = OF_PLANE  #: numerator and denominator of x, then of y
    detected: float = DETECTED  #: least area over its error of all four lines
    offset: float = OFFSET  #: SUBCLASS is AGN above offset + slope x
    slope: float = SLOPE


def fits(rows: pa.Table) -> Doubles:
    """Return `VALUES` of the lines `NAMED`, (n, lines, values); NaN where not measured."""
    columns = [[_doubles(rows[f"{line.name}_{value}"]) for value in VALUES] for line in NAMED]
    return np.moveaxis(np.array(columns), 2, 0)


def _doubles(values: pa.ChunkedArray) -> Doubles:
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
