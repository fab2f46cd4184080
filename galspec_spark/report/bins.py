"""The figure of bins: how well AGN are found at each redshift and S/N."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.ml.evaluation.metrics import Bin, BinScores, Result
from galspec_spark.ml.evaluation.record import Interval
from galspec_spark.ml.evaluation.set_scores import CoverageBin
from galspec_spark.report.contents import TrainingReport, title, with_all_features
from galspec_spark.report.style import bars, colour, dot, new_figure

#: Binned quantities: name in ``bins`` of ``metrics.json``, and name shown to people.
QUANTITIES = {"z": "Redshift", "sn_median": "Median S/N of a pixel"}
#: Rows of the figure: name, and how to read the score and its interval.
SCORES: dict[str, Callable[[BinScores], tuple[float | None, Interval | None]]] = {
    "F1 of the AGN class": lambda scores: (scores.agn_f1, scores.agn_f1_interval),
    "Recall of the AGN class": lambda scores: (scores.agn_recall, scores.agn_recall_interval),
}
#: Distance between the marks of two classifiers in a bin; bins are 1 apart.
STEP = 0.18


def scores_by_bin(report: TrainingReport) -> Figure | None:
    """Draw F1 and recall of the AGN class, with intervals, by bins of redshift and of S/N."""
    bins = binned(report)
    if not bins:
        return None
    figure = new_figure(5.6)
    grid = figure.subplots(len(SCORES), len(bins), sharex="col", sharey=True, squeeze=False)
    results = with_all_features(report.metrics)
    for column, (name, of_quantity) in zip(grid.T, bins.items(), strict=True):
        for axes, (label, score) in zip(column, SCORES.items(), strict=True):
            for place, (index, result) in enumerate(results.items()):
                offset = STEP * (place - (len(results) - 1) / 2)
                scores = [score(each.scores(index)) for each in of_quantity]
                draw_scores(axes, scores, result, offset)
            axes.set_ylabel(label if axes is grid[0, 0] or axes is grid[1, 0] else "")
        column[-1].set_xticks(range(len(of_quantity)), map(bin_label, of_quantity))
        column[-1].set_xlim(-0.5, len(of_quantity) - 0.5)
        column[-1].set_xlabel(f"{QUANTITIES[name]}; spectra, and AGN among them")
    grid[0, 0].set_ylim(-0.02, 1.02)
    for axes in grid.flat:
        axes.grid(axis="y", linewidth=0.4, alpha=0.6)
        axes.tick_params(axis="x", length=0)
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=len(results))
    return figure


def binned(report: TrainingReport) -> dict[str, Sequence[Bin]]:
    """Return the bins of each of `QUANTITIES` that the run has."""
    bins = report.metrics.bins
    return {name: bins[name] for name in QUANTITIES if bins.get(name)}


def bin_range(limits: Bin | CoverageBin) -> str:
    """Return the limits of a bin as text."""
    if limits.low is None or limits.high is None:
        return "not known"
    low, high = (float(f"{end:.2g}") for end in (limits.low, limits.high))
    return f"{low:g} to {high:g}"


def bin_label(each: Bin) -> str:
    """Return the label of a bin: its limits, and its numbers of spectra and AGN."""
    return f"{bin_lines(each)}\n{each.count:,}\n{each.agn:,} AGN"


def bin_lines(limits: Bin | CoverageBin) -> str:
    """Return `bin_range` on two lines, so that six fit side by side."""
    return bin_range(limits).replace(" ", "\n", 1)


def draw_scores(
    axes: Axes,
    scores: Sequence[tuple[float | None, Interval | None]],
    result: Result,
    offset: float,
) -> None:
    """Draw one classifier's score in each bin where it is defined."""
    drawn = [
        (place + offset, score, *ends)
        for place, (score, ends) in enumerate(scores)
        if score is not None and ends is not None
    ]
    if not drawn:
        return
    x, y, low, high = np.array(drawn).T
    axes.errorbar(
        x,
        y,
        bars(y, low, high),
        color=colour(result.classifier),
        linestyle="",
        elinewidth=1.1,
        **dot(result.classifier, result.features, size=5.5),
        label=f"{title(result.classifier)}, {result.features}",
    )
