"""The figure of a drift check: every distance beside its limit, and the distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from galspec_spark.ml.model.drift import Check, Drift
from galspec_spark.report.page import draw
from galspec_spark.report.style import ACCENT, AGN, FAINT, INK, MUTED, new_figure

NAMES = {
    "z": "redshift",
    "sn_median": "median S/N",
    "coverage": "coverage",
    "agn": "share called AGN",
    "outlier": "share of outliers",
    "left_out": "share left out",
}
MEASURES = {"psi": "o", "ks": "D", "share": "s"}
MEASURE_NAMES = {"psi": "stability index", "ks": "Kolmogorov-Smirnov", "share": "difference"}
SHOWN = 4  #: distributions drawn
NAMED = 6  #: findings named in the description


def draw_drift(content: Drift) -> bytes:
    """Return the figure of a drift check as PNG."""
    return draw(drift_figure, content)


def drift_figure(content: Drift) -> Figure:
    """Draw every distance beside its limit, and the distributions furthest off."""
    figure = new_figure(6.2)
    shown = _furthest(content.checks)
    if not shown:  # nothing was classified
        _distances(figure.subplots(), content.checks)
        return figure
    panels = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.1, 1])[0]
    _distances(panels[0].subplots(), content.checks)
    rows = panels[1].subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, quantity in zip(rows, shown, strict=True):
        _distribution(axes, quantity, content)
    rows[0].legend(["training set", "this release"], loc="lower right")
    return figure


def alternative(content: Drift) -> str:
    """Describe the figure, for readers who cannot see it."""
    if not content.findings:
        return f"All {len(content.checks)} distances from the training set are within limits."
    named = [
        f"{quantity_name(check.quantity)} ({MEASURE_NAMES[check.measure]} {check.value:.2f}, "
        f"limit {check.limit:g})"
        for check in content.findings[:NAMED]
    ]
    number = len(content.findings)
    if number > NAMED:
        named.append(f"and {number - NAMED} more")
    return f"{number} distances from the training set are beyond limits: {', '.join(named)}."


def quantity_name(quantity: str) -> str:
    """Return the name of a quantity as shown to people."""
    return NAMES.get(quantity, quantity.replace("_", " "))


def _distances(axes: Axes, checks: Sequence[Check]) -> None:
    """Draw each distance as a multiple of its limit."""
    quantities = list(dict.fromkeys(check.quantity for check in checks))
    for check in checks:
        ink = AGN if check.drifted else ACCENT
        axes.plot(
            max(check.value / check.limit, 1e-3),
            quantities.index(check.quantity),
            MEASURES[check.measure],
            color=ink,
            markerfacecolor=ink if check.measure != "ks" else "white",
            markersize=5,
        )
    axes.axvline(1, color=INK, linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_yticks(range(len(quantities)), [quantity_name(name) for name in quantities])
    axes.set_ylim(len(quantities) - 0.5, -0.5)
    axes.grid(axis="y", color=FAINT, linewidth=0.4)
    axes.set_xlabel("distance from the training set, as a multiple of its limit")
    for measure, marker in MEASURES.items():
        face = "white" if measure == "ks" else MUTED
        axes.plot([], [], marker, color=MUTED, markerfacecolor=face, label=MEASURE_NAMES[measure])
    axes.legend(loc="upper left", bbox_to_anchor=(0, 1.07), ncols=3, columnspacing=1)


def _furthest(checks: Sequence[Check]) -> list[str]:
    """Return the quantities to show: furthest beyond, or nearest to, their limits."""
    distances: dict[str, float] = {}
    for check in checks:
        if check.measure != "share":
            name = check.quantity
            distances[name] = max(distances.get(name, 0.0), check.value / check.limit)
    return sorted(distances, key=lambda name: -distances[name])[:SHOWN]


def _distribution(axes: Axes, quantity: str, content: Drift) -> None:
    """Draw cumulated shares at the percentiles of the training set."""
    edges = np.array(content.edges[quantity])
    # The training set's line is wider, so that both show where they coincide.
    train, release = content.bins.train[quantity], content.bins.release[quantity]
    for numbers, ink, width in ((train, FAINT, 3.0), (release, AGN, 1.1)):
        counts = np.array(numbers[:-1], float)
        axes.plot(edges, counts.cumsum()[:-1] / max(counts.sum(), 1), color=ink, linewidth=width)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share below")
    axes.set_title(quantity_name(quantity))
