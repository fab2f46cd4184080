"""The figure of what the queue saves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from galspec_spark.report.style import FAINT, INK, MUTED, new_figure
from studies.queue.simulation import NEAR, QUEUE, RANDOM

COLOURS = {RANDOM: MUTED, QUEUE: "#0072b2", NEAR: "#d98200"}
#: Percentiles of the seeds that a band covers.
BAND = (10, 90)


def curves(numbers: Mapping[str, Any]) -> Figure:
    """Draw F1 of AGN against the number of labels, a panel for each kind of features."""
    figure = new_figure(3.6)
    results = numbers["results"]
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for axes, (kind, result) in zip(panels, results.items(), strict=True):
        _panel(axes, result)
        axes.set_title(f"{kind}: {result['spectra']} spectra, {result['agn']} AGN")
    panels[0].set_ylabel("F1 of AGN")
    panels[0].legend(loc="lower right", title=f"mean and 80 % of {numbers['seeds']} seeds")
    return figure


def _panel(axes: Axes, result: Mapping[str, Any]) -> None:
    for choice, curve in result["curves"].items():
        f1 = np.array(curve["f1"])
        low, high = np.percentile(f1, BAND, axis=0)
        if choice != NEAR:
            axes.fill_between(curve["labels"], low, high, color=COLOURS[choice], alpha=0.2, lw=0)
        axes.plot(curve["labels"], f1.mean(axis=0), color=COLOURS[choice], label=choice)
    end = np.mean([f1[-1] for f1 in result["curves"][RANDOM]["f1"]])
    axes.axhline(end, color=INK, linewidth=0.6, linestyle=":")
    axes.axvline(result["curves"][RANDOM]["labels"][-1] / 3, color=FAINT, linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Labels (line: a third of all)")
