"""The figure of changes: all pairs over the days between, and the spectra of the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from galspec_spark.lines.linelist import line_lists
from galspec_spark.report.style import ACCENT, AGN, FAINT, INK, MUTED, OTHER, new_figure
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.spectrum.lines import LINES
from galspec_spark.warehouse.sample import locate, read_flux
from galspec_spark.warehouse.tables import Warehouse

#: Pairs whose spectra are drawn, and the wavelengths to either side of the line, in A.
PANELS, REACH = 6, 70.0
#: Names of lines in figures.
LABELS = {line.name: line.label for line in LINES} | {
    "h_gamma": "Hγ",
    "oiii_4363": "[O III]4363",
    "heii_4686": "He II 4686",
    "heii_5412": "He II 5412",
    "nii_5755": "[N II]5755",
    "hei_5876": "He I 5876",
    "siii_6312": "[S III]6312",
    "oi_6364": "[O I]6364",
}


@dataclass(frozen=True)
class Shown:
    """A pair that is drawn."""

    row: dict[str, Any]  #: of the table of changes
    first: Floats  #: (PIXELS,) flux at rest, NaN in gaps; all of them where there is none
    second: Floats


@dataclass(frozen=True)
class ChangesFigure:
    """What the figure shows."""

    changes: pa.Table
    sigma: float
    shown: Sequence[Shown]


def read_figure(warehouse: Warehouse, changes: pa.Table, sigma: float) -> ChangesFigure:
    """Read the spectra of the first pairs: no more of a part than their row groups."""
    rows = changes.filter(pc.greater(changes["lines"], 0)).slice(0, PANELS).to_pylist()
    names = [row[f"{which}_id"] for row in rows for which in ("first", "second")]
    places = locate(warehouse, names)
    flux = {
        name: read_flux(warehouse.root / part, row, name) for name, (part, row) in places.items()
    }
    shown = [Shown(row, flux[row["first_id"]], flux[row["second_id"]]) for row in rows]
    return ChangesFigure(changes, sigma, shown)


def changes_figure(content: ChangesFigure) -> Figure:
    """Draw the largest change of each pair over the days between, and spectra."""
    rows = -(-len(content.shown) // 3)
    figure = new_figure(3.6 + 1.9 * rows)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[3.6, 1.9 * rows])[:, 0]
    _pairs(above.subplots(), content)
    panels = below.subplots(rows, 3, squeeze=False).ravel()
    for number, (axes, shown) in enumerate(zip(panels, content.shown, strict=False), 1):
        _spectra(axes, number, shown)
    for axes in panels[len(content.shown) :]:
        axes.set_visible(False)
    below.supxlabel("Rest-frame wavelength (Å, vacuum)", fontsize=9)
    below.supylabel("Flux over its median here", fontsize=9)
    return figure


def _pairs(axes: Axes, content: ChangesFigure) -> None:
    known = content.changes.filter(pc.is_valid(content.changes["largest_change"]))
    days = _numbers(known, "days")
    size = np.abs(_numbers(known, "largest_change"))
    is_candidate = known["is_candidate"].to_numpy()
    for chosen, ink, name in (
        (~is_candidate, OTHER, "pairs of observations"),
        (is_candidate, AGN, "candidates"),
    ):
        axes.plot(
            days[chosen], size[chosen], "o", color=ink, alpha=0.75, markersize=4, rasterized=True,
            markeredgewidth=0, label=f"{name}: {chosen.sum():,}",
        )  # fmt: skip
    axes.axhline(
        content.sigma, color=INK, linewidth=0.8, linestyle="--", label="limit of a line's change"
    )
    for number, shown in enumerate(content.shown, 1):
        if shown.row["days"] is not None:
            at = (shown.row["days"], abs(shown.row["largest_change"]))
            axes.annotate(
                f"{number}",
                at,
                (5, -3),
                textcoords="offset points",
                fontsize=8,
                color=AGN if shown.row["is_candidate"] else MUTED,
            )
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(-0.1, max(2.0, np.nanmax(days, initial=0.0) * 1.5))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color=FAINT, linewidth=0.4)
    axes.set_xlabel("days between")
    axes.set_ylabel("largest change of a line (sigma)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.1), ncols=3)


def _spectra(axes: Axes, number: int, shown: Shown) -> None:
    """Draw two spectra around the line that changed most."""
    row, x = shown.row, wavelength()
    lines = line_lists()["eboss"]
    centre = lines.wavelength[lines.names.index(row["largest_line"])]
    near = np.abs(x - centre) < REACH
    for flux, mjd, ink in (
        (shown.first, row["first_mjd"], ACCENT),
        (shown.second, row["second_mjd"], AGN),
    ):
        level = np.nanmedian(flux[near]) if np.isfinite(flux[near]).any() else 1.0
        axes.plot(x[near], flux[near] / level, color=ink, linewidth=0.9, label=f"{mjd}")
    axes.axvline(centre, color=MUTED, alpha=0.3, linewidth=0.7, zorder=0)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))
    axes.legend(loc="upper right", fontsize=7, handlelength=1, ncols=2)
    axes.set_title(
        f"{number}  {LABELS[row['largest_line']]} {row['largest_change']:+.1f} sigma\n"
        f"{row['second_id']}",
        fontsize=8,
    )


def _numbers(rows: pa.Table, name: str) -> Doubles:
    return np.asarray(rows[name].cast(pa.float64()).to_numpy())
