"""The figure of bins: how well AGN are found at each redshift and S/N."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.report.contents import TrainingReport, known, title, with_all_components
from galspec_spark.report.style import bars, colour, dot, new_figure

#: What the bins are of, as ``bins`` in ``metrics.json`` names it, and as people do.
QUANTITIES = {"z": "Redshift", "sn_median": "Median S/N of a pixel"}
SCORES = {"agn_f1": "F1 of the AGN class", "agn_recall": "Recall of the AGN class"}
#: Between the marks of two classifiers in a bin; bins are 1 apart.
STEP = 0.18

Bin = Mapping[str, Any]


def scores_by_bin(report: TrainingReport) -> Figure | None:
    """Draw F1 and recall of the AGN class, with intervals, by bins of redshift and of S/N."""
    bins = binned(report)
    if not bins:
        return None
    figure = new_figure(5.6)
    grid = figure.subplots(len(SCORES), len(bins), sharex="col", sharey=True, squeeze=False)
    results = with_all_components(report.metrics)
    for column, (name, of_one) in zip(grid.T, bins.items(), strict=True):
        for axes, (score, label) in zip(column, SCORES.items(), strict=True):
            for place, (index, result) in enumerate(results.items()):
                offset = STEP * (place - (len(results) - 1) / 2)
                _draw_score(axes, of_one, f"prediction_{index}", score, result, offset)
            axes.set_ylabel(label if axes is grid[0, 0] or axes is grid[1, 0] else "")
        column[-1].set_xticks(range(len(of_one)), [bin_label(one) for one in of_one])
        column[-1].set_xlim(-0.5, len(of_one) - 0.5)
        column[-1].set_xlabel(f"{QUANTITIES[name]}; spectra, and AGN among them")
    grid[0, 0].set_ylim(-0.02, 1.02)
    for axes in grid.flat:
        axes.grid(axis="y", linewidth=0.4, alpha=0.6)
        axes.tick_params(axis="x", length=0)
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=len(results))
    return figure


def binned(report: TrainingReport) -> dict[str, list[Bin]]:
    """Return the bins of each of `QUANTITIES` that the run has."""
    bins = report.metrics.get("bins") or {}
    return {name: bins[name] for name in QUANTITIES if bins.get(name)}


def bin_range(one: Bin) -> str:
    """Return the limits of a bin as text."""
    if one["low"] is None:
        return "not known"
    low, high = (float(f"{one[end]:.2g}") for end in ("low", "high"))
    return f"{low:g} to {high:g}"


def bin_label(one: Bin) -> str:
    """Return what stands below a bin: its limits, and how many spectra and AGN it has."""
    limits = bin_range(one).replace(" ", "\n", 1)  # so that six have room side by side
    return f"{limits}\n{one['count']:,}\n{one['agn']:,} AGN"


def _draw_score(
    axes: Axes, bins: list[Bin], model: str, score: str, result: dict[str, Any], offset: float
) -> None:
    """Draw one classifier's score in each bin where it is defined."""
    drawn = [
        (place + offset, one[model][score], *one[model][f"{score}_interval"])
        for place, one in enumerate(bins)
        if one[model].get(f"{score}_interval") and np.isfinite(known(one[model][score], np.nan))
    ]
    if not drawn:
        return
    x, y, low, high = np.array(drawn).T
    axes.errorbar(
        x,
        y,
        bars(y, low, high),
        color=colour(result["classifier"]),
        linestyle="",
        elinewidth=1.1,
        **dot(result, size=5.5),
        label=f"{title(result['classifier'])}, {result['features']}",
    )
