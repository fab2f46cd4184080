"""The figure of the label: how often two observations of one object have the same one."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.ml.evaluation.label_noise import Agreement
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.style import ACCENT, AGN, MUTED, bars, new_figure


def label_agreement(report: TrainingReport) -> Figure | None:
    """Draw the pairs that agree by what was predicted, and those that differ by S/N of H beta."""
    noise = report.metrics.label_noise
    if noise is None:
        return None
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    _calibration(left, noise.by_survival)
    _flips(right, noise.by_h_beta_sn)
    return figure


def _calibration(axes: Axes, bins: tuple[Agreement, ...]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    x, y = [each.predicted for each in bins], [each.share for each in bins]
    low, high = ([each.interval[end] for each in bins] for end in (0, 1))
    axes.errorbar(x, y, bars(y, low, high), fmt="o", color=ACCENT, elinewidth=1, markersize=5)
    for place, each in enumerate(bins, 1):
        is_last = place == len(bins)  # the last two are close to each other
        axes.annotate(
            f"{each.pairs:,}",
            (each.predicted, each.share),
            (6 if is_last else -6, 4),
            textcoords="offset points",
            ha="left" if is_last else "right",
        )
    axes.set_xlim(-0.02, 1.08)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xlabel("Predicted probability of the same label")
    axes.set_ylabel("Share of pairs with the same label")


def _flips(axes: Axes, bins: tuple[Agreement, ...]) -> None:
    places = range(len(bins))
    y = [1 - each.share for each in bins]
    low, high = ([1 - each.interval[end] for each in bins] for end in (1, 0))
    axes.errorbar(places, y, bars(y, low, high), fmt="o", color=AGN, markersize=5)
    labels = [f"{range_text(each)}\n{each.pairs:,}" for each in bins]
    axes.set_xticks(places, labels)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_xlim(-0.5, len(bins) - 0.5)
    axes.set_ylim(bottom=-0.02)
    axes.set_xlabel("S/N of Hβ; pairs")
    axes.set_ylabel("Share of pairs with another label")


def range_text(each: Agreement) -> str:
    """Return the limits of a bin as text."""
    if each.low is None:
        return f"below {each.high:g}"
    return f"{each.low:g} on" if each.high is None else f"{each.low:g} to {each.high:g}"
