"""The figure of permutation importance: what each classifier loses without a feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.evaluation.metrics import Drop
from galspec_spark.report.contents import (
    TrainingReport,
    feature_axis,
    feature_label,
    shown_kind,
    shown_record,
    title,
)
from galspec_spark.report.style import FAINT, INK, MUTED, colour, new_figure


def permutation_importance(report: TrainingReport) -> Figure | None:
    """Draw what shuffling a feature costs each classifier, beside the forest's own importance."""
    record = shown_record(report.metrics)
    importance = record.importance
    permutation = importance.permutation
    names = [name for name in CLASSIFIERS if permutation.get(name)]
    if not names:
        return None
    own = np.array(importance.features or ())
    count = len(record.names)
    figure = new_figure(1.1 + 0.19 * count)
    grid = figure.subplots(1, len(names) + bool(own.size), sharey=True, squeeze=False)[0]
    for axes, name in zip(grid, names, strict=False):
        _draw_permutation(axes, permutation[name], name)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    for axes in grid[1 : len(names)]:
        axes.sharex(grid[0])
    if own.size:
        grid[-1].barh(np.arange(1, own.size + 1), own, height=0.68, color=FAINT)
        grid[-1].set_title("forest, by entropy")
        grid[-1].set_xlabel("Share of the\nentropy removed")  # five panels are narrow
    for axes in grid:
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=MUTED, linewidth=0.7)
        axes.spines["left"].set_visible(False)
    grid[0].set_yticks(range(1, count + 1), [feature_label(record, i) for i in range(count)])
    grid[0].set_ylim(count + 0.6, 0.4)
    if record.explained_variance:
        grid[0].set_ylabel(feature_axis(shown_kind(report.metrics)))
    return figure


def _draw_permutation(axes: Axes, drops: Sequence[Drop], name: str) -> None:
    feature = [drop.feature + 1 for drop in drops]
    axes.barh(
        feature,
        [drop.pr_auc_drop for drop in drops],
        xerr=[drop.pr_auc_sd for drop in drops],
        height=0.68,
        color=colour(name),
        alpha=0.55,
        error_kw={"ecolor": INK, "elinewidth": 0.9},
        label="average precision",
    )
    axes.errorbar(
        [drop.f1_drop for drop in drops],
        feature,
        xerr=[drop.f1_sd for drop in drops],
        linestyle="",
        marker="D",
        markersize=3.2,
        color=INK,
        markerfacecolor="white",
        elinewidth=0.6,
        label="F1",
    )
    axes.set_title(title(name), color=colour(name))
    axes.set_xlabel("Drop of AGN score")
