"""The figure of prediction sets: how many of each class have it in their set, by S/N."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.ml.evaluation.set_scores import CoverageBin
from galspec_spark.report.bins import QUANTITIES, STEP, bin_lines, draw_scores
from galspec_spark.report.contents import TrainingReport, with_all_features
from galspec_spark.report.style import MUTED, new_figure


def coverage_by_sn(report: TrainingReport) -> Figure:
    """Draw the coverage of each class, with intervals, by bins of S/N."""
    results = with_all_features(report.metrics)
    classes = report.metrics.classes
    rows = -(-len(classes) // 2)
    figure = new_figure(0.6 + 3.0 * rows)
    panels = figure.subplots(rows, 2, sharey=True, squeeze=False).ravel()
    panels[-1].set_visible(len(classes) % 2 == 0)
    for axes, name in zip(panels, reversed(classes), strict=False):
        key = name.lower()
        for place, result in enumerate(results.values()):
            found = [each.of(key) for each in result.prediction_sets.sn_median]
            offset = STEP * (place - (len(results) - 1) / 2)
            draw_scores(axes, [(each.share, each.interval) for each in found], result, offset)
        _finish(axes, key, report.metrics.best_result.prediction_sets.sn_median)
        axes.axhline(_level(report), color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        axes.set_xlabel(f"{QUANTITIES['sn_median']}; {name} spectra")
        axes.set_title(name)
    for axes in panels[::2]:
        axes.set_ylabel("Share with their class in the set")
    panels[0].set_ylim(-0.02, 1.02)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(results)
    )
    return figure


def _level(report: TrainingReport) -> float:
    return report.metrics.best_result.prediction_sets.level


def _finish(axes: Axes, key: str, bins: tuple[CoverageBin, ...]) -> None:
    """Label the bins, which are the same for all classifiers."""
    labels = [f"{bin_lines(each)}\n{each.of(key).spectra:,}" for each in bins]
    axes.set_xticks(range(len(bins)), labels)
    axes.set_xlim(-0.5, len(bins) - 0.5)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.tick_params(axis="x", length=0)
