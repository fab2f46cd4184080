"""The figure of what gaps do to components, coefficients and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from galspec_spark.report.style import FAINT, INK, MUTED, new_figure
from studies.gaps.page import REMEDIES

#: Colours after Okabe & Ito, as the classifiers', and markers.
LOOKS: dict[str, tuple[str, str]] = {
    "mean": (MUTED, "s"),
    "masked": ("#d98200", "^"),
    "mask": ("#0072b2", "o"),
    "ivar": ("#00805e", "D"),
}
#: Rows of the figure: what ``gaps.json`` calls them, and what the axis says.
BY_COMPONENT = {
    "typical": "Error of coefficient (σ)\nmedian",
    "rms": "Error of coefficient (σ)\nroot mean square",
    "angles": "Angle of true component\nto those found (°)",
}


def effects(numbers: Mapping[str, Any]) -> Figure:
    """Draw errors of coefficients and angles of components, and below them scores."""
    figure = new_figure(9.6)
    complete, *results = numbers["results"]
    cases = list(dict.fromkeys(result["hidden"] for result in results))
    parts: Any = figure.subfigures(2, 1, height_ratios=[3, 1.2])
    grid = parts[0].subplots(
        len(BY_COMPONENT), len(cases), sharex=True, sharey="row", squeeze=False
    )
    for column, case in zip(grid.T, cases, strict=True):
        of_case = [result for result in results if result["hidden"] == case]
        for axes, key in zip(column, BY_COMPONENT, strict=True):
            _by_component(axes, of_case, key)
        column[0].set_title(f"Hidden {case}")
        column[-1].set_xlabel("Component")
    for axes, label in zip(grid[:, 0], BY_COMPONENT.values(), strict=True):
        axes.set_ylabel(label)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    parts[0].legend(handles, labels, loc="outside upper center", ncols=len(labels))

    left, right = parts[1].subplots(1, 2, width_ratios=[len(cases), 1])
    _scores(left, results, cases)
    value, error = complete["agn_f1"]
    left.axhspan(value - error, value + error, color=FAINT, alpha=0.5, linewidth=0)
    left.axhline(value, color=INK, linewidth=0.8)
    left.set_title(f"{numbers['spectra']} spectra; line and band: nothing hidden")
    left.set_ylabel("F1 of AGN, with standard error")
    natural = numbers["natural"]
    _scores(right, natural["results"], ["as observed"])
    right.set_title(f"All {natural['spectra']} spectra")
    return figure


def _by_component(axes: Axes, results: Sequence[Mapping[str, Any]], key: str) -> None:
    for result in results:
        colour, marker = LOOKS[result["remedy"]]
        if key == "angles" and result["remedy"] == "masked":
            continue  # the same components as with the mean spectrum
        component = np.arange(1, len(result[key]) + 1)
        label = REMEDIES[result["remedy"]].replace(", ", ",\n")
        axes.plot(component, result[key], color=colour, marker=marker, markersize=3, label=label)
    if key != "angles":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color=FAINT, linewidth=0.5)


def _scores(axes: Axes, results: Sequence[Mapping[str, Any]], cases: Sequence[str]) -> None:
    """Draw the AGN class's F1 of each case."""
    for result in results:
        colour, marker = LOOKS[result["remedy"]]
        offset = 0.16 * (list(LOOKS).index(result["remedy"]) - 1.5)
        axes.errorbar(
            cases.index(result["hidden"]) + offset,
            *result["agn_f1"],
            color=colour,
            marker=marker,
            markersize=5,
            elinewidth=0.9,
        )
    axes.set_xticks(range(len(cases)), [f"gaps {case}" for case in cases])
    axes.set_xlim(-0.5, len(cases) - 0.5)
