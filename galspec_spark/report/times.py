"""Figures of time: the stages of the run, and the algorithms side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from galspec_spark.ml.evaluation.metrics import Result, Seconds
from galspec_spark.report.contents import TrainingReport, ordered_results, title
from galspec_spark.report.style import ACCENT, INK, PANEL, colour, dot, new_figure
from galspec_spark.report.text import duration

#: Timed steps of each algorithm: name, marker, and offset (points) and alignment of its label.
STEPS: dict[str, tuple[str, str, tuple[float, float], str]] = {
    "predict": ("prediction of the test split", "v", (-8, 0), "right"),
    "fit": ("final fit", "o", (0, 8), "center"),
    "search": ("search, all fits added up", "s", (8, 0), "left"),
}


def stage_times(report: TrainingReport) -> Figure:
    """Draw the seconds of each stage as bars, in the order of the run."""
    seconds = report.metrics.seconds
    figure = new_figure(0.75 + 0.31 * len(seconds))
    axes = figure.subplots()
    values, places = list(seconds.values()), np.arange(len(seconds))
    axes.barh(places, values, height=0.62, color=ACCENT)
    total = sum(values)
    for place, value in zip(places, values, strict=True):
        share = f"  {value / total:.0%}" if total else ""
        axes.annotate(
            f"{duration(value)}{share}",
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(places, [title(name) for name in seconds])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.16 * max(*values, 1e-9))
    axes.set_xlabel(f"Seconds ({duration(total)} in all)")
    return figure


def run_times(report: TrainingReport) -> Figure | None:
    """Draw the seconds of search, fit and prediction of each classifier, on a log axis."""
    results = [result for result in ordered_results(report.metrics) if timed(result.seconds)]
    if not results:
        return None
    figure = new_figure(1.15 + 0.36 * len(results))
    axes = figure.subplots()
    axes.set_xscale("log")
    for place, result in enumerate(results):
        _algorithm(axes, place, result)
    for label, marker, *_ in STEPS.values():
        axes.plot([], [], marker, color=INK, markersize=6, label=label)
    seconds = [value for result in results for value in timed(result.seconds).values()]
    axes.set_xlim(min(seconds) / 2.2, max(seconds) * 2.2)  # room for the labels
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Seconds")
    names = [f"{title(result.classifier)}, {result.features}" for result in results]
    axes.set_yticks(range(len(results)), names)
    axes.set_ylim(len(results) - 0.4, -0.75)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside upper right", ncols=len(STEPS), handletextpad=0.2)
    return figure


def timed(seconds: Seconds) -> dict[str, float]:
    """Return the seconds of the `STEPS` that took any; a log axis has no place for 0."""
    times = {"predict": seconds.predict, "fit": seconds.fit, "search": seconds.search}
    return {step: value for step, value in times.items() if value > 0}


def _algorithm(axes: Axes, place: int, result: Result) -> None:
    seconds = timed(result.seconds)
    ends = [min(seconds.values()), max(seconds.values())]
    axes.axhspan(place - 0.5, place + 0.5, color=PANEL if place % 2 else "white", zorder=0)
    axes.plot(ends, [place] * 2, color=colour(result.classifier), alpha=0.35, linewidth=2)
    for step, value in seconds.items():
        _, marker, offset, side = STEPS[step]
        axes.plot(value, place, **dot(result.classifier, result.features, marker), zorder=3)
        axes.annotate(
            seconds_text(value),
            (value, place),
            xytext=offset,
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=8,
        )


def seconds_text(value: float) -> str:
    """Return seconds with two digits or more, such as ``0.34 s``, ``5.9 s`` or ``154 s``."""
    return f"{value:.2g} s" if value < 10 else f"{value:,.0f} s"
