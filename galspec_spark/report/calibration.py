"""The figure of calibration: predicted probabilities and observed shares."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from galspec_spark.ml.evaluation.metrics import Result
from galspec_spark.report.contents import (
    TrainingReport,
    classifiers,
    has_all_features,
    ordered_results,
    title,
)
from galspec_spark.report.style import MUTED, bars, colour, dot, new_figure
from galspec_spark.report.text import decimals


def reliability(report: TrainingReport) -> Figure:
    """Draw the share of AGN against the probability, with counts below, for each classifier."""
    results, names = ordered_results(report.metrics), classifiers(report.metrics)
    figure = new_figure(4.9)
    grid = figure.subplots(
        2, max(3, len(names)), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1]
    )
    for axes in grid[:, len(names) :].flat:
        axes.set_visible(False)
    for top, name in zip(grid[0], names, strict=False):
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        top.set_title(title(name), color=colour(name), pad=32)
    for result in results:
        column = names.index(result.classifier)
        _draw_shares(grid[0, column], result)
        _draw_counts(grid[1, column], result)
    for top, below in grid.T[: len(names)]:
        top.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), fontsize=8, borderaxespad=0.0)
        below.set_xlabel("Calibrated probability of AGN")
    grid[0, 0].set_xlim(-0.02, 1.02)
    grid[0, 0].set_ylim(-0.02, 1.04)
    grid[0, 0].set_ylabel("Share that are AGN")
    grid[1, 0].set_yscale("log")
    grid[1, 0].set_ylim(bottom=0.7)
    grid[1, 0].yaxis.set_major_locator(LogLocator(numticks=5))
    grid[1, 0].yaxis.set_major_formatter("{x:,g}")
    grid[1, 0].yaxis.set_minor_locator(NullLocator())
    grid[1, 0].set_ylabel("Spectra")
    figure.align_ylabels(grid[:, 0])
    return figure


def _draw_shares(axes: Axes, result: Result) -> None:
    bins, scores = result.calibration.reliability, result.calibration
    x, y = [each.probability for each in bins], [each.share for each in bins]
    low, high = [each.low for each in bins], [each.high for each in bins]
    axes.errorbar(
        x,
        y,
        bars(y, low, high),
        color=colour(result.classifier),
        linewidth=1.0 if has_all_features(result.features) else 0.6,
        elinewidth=0.8,
        **dot(result.classifier, result.features, size=5),
        label=f"{result.features}: Brier {decimals(scores.brier, 3)}, "
        f"skill {decimals(scores.brier_skill, 2)}",
    )


def _draw_counts(axes: Axes, result: Result) -> None:
    bins = result.calibration.reliability
    x, counts = [each.probability for each in bins], [each.count for each in bins]
    mark = dot(result.classifier, result.features, size=4)
    axes.plot(x, counts, color=colour(result.classifier), linewidth=0.7, **mark)
    dashes = "-" if has_all_features(result.features) else (0, (3, 2))
    axes.axvline(
        result.threshold.probability, color=MUTED, linewidth=0.9, linestyle=dashes, zorder=0
    )
