"""Figures of counts: the classes in redshift and S/N, and the probabilities."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from galspec_spark import labels
from galspec_spark.ml.evaluation.intervals import wilson
from galspec_spark.report.contents import FloatArray
from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.counts import BINS, Counts, Integers
from galspec_spark.report.style import AGN, FAINT, INK, MUTED, Look, bars, class_inks, new_figure
from galspec_spark.warehouse.flags import ABSTAIN

AXES = {"z": "Redshift", "sn_median": "Median S/N per pixel"}
MOST_BINS = 32  #: in a panel
FEWEST = 10  #: spectra needed to show a share
BEYOND = 0.001  #: share of the spectra at each end that one bin may hold together


def redshift_and_sn(report: ReleaseReport) -> Figure | None:
    """Draw the counts of each class over redshift and S/N, and the share of AGN."""
    if not report.counts.used:
        return None
    figure = new_figure(5.4)
    grid = figure.subplots(2, 2, sharex="col", height_ratios=[1.5, 1])
    for (upper, lower), (quantity, label) in zip(grid.T, AXES.items(), strict=True):
        edges, counts = merged(report.counts, quantity)
        if len(edges) > 1:
            _steps(upper, edges, counts, _colours(report.counts))
            given = np.sum([counts[name] for name in report.counts.given], axis=0)
            _shares(lower, edges, counts[labels.AGN], given)
        for axes in (upper, lower):
            _scale(axes, quantity)
        lower.set_xlabel(label)
    grid[0, 0].set_ylabel("Spectra")
    grid[1, 0].set_ylabel("Share of AGN among\nthose given a class")
    grid[0, 0].legend(loc="best")
    return figure


def describe_redshift_and_sn(report: ReleaseReport) -> str:
    """Describe the classes in redshift and S/N."""
    ranges = []
    for quantity, label in AXES.items():
        edges, counts = merged(report.counts, quantity)
        if len(edges) == 1:
            continue
        most = ", ".join(
            f"{name} {edges[n.argmax()]:.3g} to {edges[n.argmax() + 1]:.3g}"
            for name, n in counts.items()
            if n.sum()
        )
        ranges.append(f"{label}: {edges[0]:.3g} to {edges[-1]:.3g}; most spectra: {most}")
    return f"Histograms by class, and the share of AGN below. {'. '.join(ranges)}."


def probabilities(report: ReleaseReport) -> Figure | None:
    """Draw the counts of each class over the calibrated probability of AGN."""
    if not report.counts.used:
        return None
    figure = new_figure(2.9)
    axes = figure.subplots()
    edges = BINS["probability"].edges()
    below = np.zeros(len(edges) - 1)
    inks = _colours(report.counts)
    for name in reversed(report.counts.given):
        counts = report.counts.histogram("probability", name)
        look: Look = {
            "color": inks[name],
            "edgecolor": "white",
            "linewidth": 0.4,
        }
        label = f"{name}: {counts.sum():,}"
        axes.bar(edges[:-1], counts, np.diff(edges), below, align="edge", label=label, **look)
        below += counts
    counts = report.counts.histogram("probability", ABSTAIN)
    axes.stairs(counts, edges, color=INK, linewidth=1.2, label=f"{ABSTAIN}: {counts.sum():,}")
    axes.axvline(report.threshold, color=INK, linewidth=0.8, linestyle="--")
    axes.annotate(
        f"called AGN from {report.threshold:.2f} on",
        (report.threshold, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
    )
    axes.set_xlim(0, 1)
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("Calibrated probability of AGN")
    axes.set_ylabel("Spectra")
    axes.legend(loc="upper right")
    return figure


def describe_probabilities(report: ReleaseReport) -> str:
    """Describe the probabilities."""
    counts = sum(report.counts.histogram("probability", name) for name in report.counts.names)
    fifths = np.asarray(counts).reshape(5, -1).sum(axis=1)
    numbers = ", ".join(
        f"{low:.1f} to {low + 0.2:.1f}: {n:,}"
        for low, n in zip(np.arange(0, 1, 0.2), fifths, strict=True)
    )
    return (
        f"Histogram of the calibrated probability of AGN. {numbers}. Spectra are called AGN from "
        f"{report.threshold:.2f} on."
    )


def merged(counts: Counts, quantity: str) -> tuple[FloatArray, dict[str, Integers]]:
    """Return bins wide enough to see, over the occupied range, and the counts of classes.

    The first and the last bin also hold the values beyond.
    """
    by_class = {name: counts.histogram(quantity, name) for name in counts.names}
    total = np.sum(list(by_class.values()), axis=0)
    share = total.cumsum() / max(total.sum(), 1)
    first = int(np.searchsorted(share, BEYOND))
    last = int(np.searchsorted(share, 1 - BEYOND))
    if not total.sum():
        return np.zeros(1), by_class
    width = -(-(last + 1 - first) // MOST_BINS)
    starts = np.arange(first, last + 1, width)
    edges = BINS[quantity].edges()
    ends = np.append(edges[starts], edges[min(starts[-1] + width, len(total))])
    groups = np.append(0, starts[1:])
    return ends, {name: np.add.reduceat(n, groups) for name, n in by_class.items()}


def _colours(counts: Counts) -> dict[str, str]:
    """Return the colour of each value of ``class``."""
    return {**class_inks(counts.model.names), ABSTAIN: MUTED}


def _steps(
    axes: Axes, edges: FloatArray, counts: dict[str, Integers], colours: dict[str, str]
) -> None:
    for name, ink in ((name, colours[name]) for name in counts):
        if counts[name].sum():
            axes.stairs(
                counts[name],
                edges,
                color=ink,
                linewidth=1.3,
                linestyle=":" if name == ABSTAIN else "-",
                label=name,
            )
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(edges[0], edges[-1])


def _shares(axes: Axes, edges: FloatArray, part: Integers, whole: Integers) -> None:
    enough = whole >= FEWEST
    middle = np.sqrt(edges[1:] * edges[:-1]) if edges[0] > 0 else (edges[1:] + edges[:-1]) / 2
    share = part[enough] / whole[enough]
    ends = bars(share, *wilson(part[enough].astype(float), whole[enough].astype(float)))
    axes.errorbar(middle[enough], share, ends, fmt="o", color=AGN, markersize=3, elinewidth=0.8)
    axes.set_ylim(0, 1.05 * np.max(share + ends[1], initial=0.1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=FAINT, linewidth=0.4)


def _scale(axes: Axes, quantity: str) -> None:
    if BINS[quantity].is_log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
