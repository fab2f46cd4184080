"""Figures of performance: confusion matrices, ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.ml.evaluation.metrics import Result
from galspec_spark.ml.evaluation.scores import against_rest
from galspec_spark.report.contents import (
    TrainingReport,
    classifiers,
    feature_sets,
    ordered_results,
    title,
)
from galspec_spark.report.style import INK, MUTED, SHADES, Look, colour, dot, new_figure
from galspec_spark.report.text import decimals


def confusion_matrices(report: TrainingReport) -> Figure:
    """Draw one confusion matrix for each classifier and set of features."""
    columns, rows = classifiers(report.metrics), feature_sets(report.metrics)
    classes = report.metrics.classes
    figure = new_figure(0.5 + (0.75 + 0.5 * len(classes)) * len(rows))
    grid = figure.subplots(len(rows), max(3, len(columns)), squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for result in ordered_results(report.metrics):
        row, column = rows.index(result.features), columns.index(result.classifier)
        _confusion(grid[row, column], result, classes, first=column == 0)
    return figure


def _confusion(axes: Axes, result: Result, classes: Sequence[str], *, first: bool) -> None:
    counts = np.array(result.confusion, dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    k = len(classes)
    large = 12 if k == 2 else 8.5
    axes.set_visible(True)
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.8 else INK
        text = f"{share:.1%}" if totals[row, 0] else "–"
        axes.text(column, row - 0.08, text, ha="center", va="center", color=ink, fontsize=large)
        axes.text(
            column,
            row + 0.24,
            f"{counts[row, column]:,.0f}",
            ha="center",
            va="center",
            color=ink,
            fontsize=9 if k == 2 else 7,
        )
    axes.set_title(f"{title(result.classifier)}, {result.features}", pad=5)
    called, true = ("called ", "truly\n") if k == 2 else ("", "truly ")
    slanted: Look = {} if k == 2 else {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(k), [f"{called}{name}" for name in classes], **slanted)
    axes.set_yticks(range(k), [f"{true}{name}" if first else "" for name in classes])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for place in range(k - 1):
        axes.axhline(place + 0.5, color="white", linewidth=3)
        axes.axvline(place + 0.5, color="white", linewidth=3)


def curves(report: TrainingReport) -> Figure | None:
    """Draw the ROC and precision-recall curves, with the point of each classifier's threshold."""
    results = [
        result
        for result in ordered_results(report.metrics)
        if f"{result.kind}/{result.classifier}/{result.features}" in report.curves
    ]
    if not results:
        return None
    figure = new_figure(3.9)
    roc, precision_recall, key = figure.subplots(1, 3, width_ratios=[1, 1, 0.66])
    dashes = dict(zip(feature_sets(report.metrics), ("-", (0, (4, 1.6)), ":"), strict=False))
    # the first drawn are the widest, so that coinciding curves all show
    names = classifiers(report.metrics)
    widths = dict(zip(names, np.linspace(2.4, 1.1, len(names)), strict=True))
    for result in results:
        curve = report.curves[f"{result.kind}/{result.classifier}/{result.features}"]
        line = {
            "color": colour(result.classifier),
            "linestyle": dashes.get(result.features, "-"),
            "linewidth": widths[result.classifier],
        }
        for axes, kind in ((roc, "roc"), (precision_recall, "pr")):
            if kind in curve:
                axes.plot(*curve[kind], **line)
        areas = f"{decimals(result.roc_auc, 3)}, {decimals(result.pr_auc, 3)}"
        mark = dot(result.classifier, result.features)
        name = f"{title(result.classifier)}, {result.features}"
        key.plot([], [], **line, **mark, label=f"{name}\n{areas}")
        _decision(roc, precision_recall, result, mark)
    _chance(roc, precision_recall, key, report)
    for axes, name in ((roc, "ROC"), (precision_recall, "Precision and recall")):
        axes.set_title(name)
        axes.set_aspect("equal")
        axes.set_xlim(-0.015, 1.015)
        axes.set_ylim(-0.015, 1.03)
    roc.set_xlabel("False positive rate: others called AGN")
    roc.set_ylabel("True positive rate: AGN found")
    precision_recall.set_xlabel("Recall: AGN found")
    precision_recall.set_ylabel("Precision: AGN among those called AGN")
    key.axis("off")
    key.legend(
        loc="center left",
        bbox_to_anchor=(-0.1, 0.5),
        title="Area under ROC, PR",
        alignment="left",
        labelspacing=1.0,
        handlelength=3.4,
        fontsize=8.2,
    )
    return figure


def _decision(roc: Axes, precision_recall: Axes, result: Result, mark: Look) -> None:
    """Mark the point of a classifier's own threshold on both curves."""
    (negative, false_positive), (missed, found) = against_rest(np.array(result.confusion))
    if negative + false_positive and missed + found:
        roc.plot(
            false_positive / (negative + false_positive), found / (missed + found), **mark, zorder=5
        )
    if found + false_positive and missed + found:
        precision_recall.plot(
            found / (missed + found), found / (found + false_positive), **mark, zorder=5
        )


def _chance(roc: Axes, precision_recall: Axes, key: Axes, report: TrainingReport) -> None:
    """Draw the curves of a random classifier, whose precision is the base rate."""
    plain: Look = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (1, 2))}
    roc.plot([0, 1], [0, 1], **plain, zorder=1)
    agn, test = report.metrics.counts.test_agn, report.metrics.counts.test
    share = agn / test
    precision_recall.axhline(share, **plain, zorder=1)
    key.plot([], [], **plain, label=f"chance: {agn:,} of {test:,}\n({share:.1%}) are AGN")
