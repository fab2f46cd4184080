"""What tests read off figures, and reports that lack something."""

from __future__ import annotations

import copy
import dataclasses

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from galspec_spark.report.contents import TrainingReport


def words(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text))


def marked(axes: Axes, marker: str) -> list[Line2D]:
    """Return what is drawn with this marker and is not empty."""
    return [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())]


def without(report: TrainingReport, *keys: str) -> TrainingReport:
    """Return a report whose metrics, or each of whose results, do not have these keys."""
    metrics = copy.deepcopy(report.metrics)
    for content in (metrics, *metrics["results"]):
        for key in keys:
            content.pop(key, None)
    return dataclasses.replace(report, metrics=metrics)
