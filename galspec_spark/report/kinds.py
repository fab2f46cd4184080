"""The figure of kinds: how well AGN are found with each kind of features."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.figure import Figure

from galspec_spark.ml.evaluation.metrics import Metrics, Result
from galspec_spark.report.contents import TrainingReport, all_results, marked_text, seen_note, title
from galspec_spark.report.style import INK, MUTED, bars, colour, dot, new_figure


def kinds(report: TrainingReport) -> Figure | None:
    """Draw the F1 of the AGN class by kind of features, classifier and set; None of one kind."""
    if len(report.metrics.features) < 2:
        return None
    results = all_results(report.metrics)
    figure = new_figure(1.1 + 0.27 * len(results))
    axes = figure.subplots()
    for place, result in enumerate(results):
        score, interval = result.agn_f1, result.intervals.agn_f1
        if score is not None:
            ink = colour(result.classifier)
            error = bars([score], [interval[0]], [interval[1]]) if interval else None
            axes.errorbar([score], [place], xerr=error, color=ink, elinewidth=1.2)
            axes.plot(score, place, **dot(result.classifier, result.features), zorder=3)
        axes.plot(result.cv_agn_f1 or 0.0, place, "|", color=INK, markersize=11, zorder=4)
    axes.plot([], [], "o", color=MUTED, label="test split, with its 95 % interval")
    axes.plot([], [], "|", color=INK, markersize=11, label="cross-validated")
    axes.set_yticks(range(len(results)), [_label(report.metrics, result) for result in results])
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("F1 of the AGN class")
    if note := seen_note(report.metrics):
        figure.supxlabel(note, fontsize="small", x=0.02, ha="left")
    for place, (above, below) in enumerate(pairwise(results)):
        if above.kind != below.kind:
            axes.axhline(place + 0.5, color=MUTED, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def _label(metrics: Metrics, result: Result) -> str:
    return f"{title(result.classifier)}, {marked_text(metrics, result)}"
