"""What tests read off figures, and reports that lack something."""

from __future__ import annotations

import dataclasses

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from galspec_spark.ml.evaluation.metrics import FeatureRecord, Metrics
from galspec_spark.report.contents import TrainingReport


def words(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(Text))


def marked(axes: Axes, marker: str) -> list[Line2D]:
    """Return what is drawn with this marker and is not empty."""
    return [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())]


def changed(report: TrainingReport, **changes: object) -> TrainingReport:
    """Return a report whose metrics have other values, which are checked like those of a run.

    Values of a `FeatureRecord` are put there.
    """
    content = report.metrics.model_dump()
    of_kind = {key: changes.pop(key) for key in list(changes) if key in FeatureRecord.model_fields}
    content["features"] = {kind: old | of_kind for kind, old in content["features"].items()}
    metrics = Metrics.model_validate(content | changes)
    return dataclasses.replace(report, metrics=metrics)


def with_results(report: TrainingReport, **changes: object) -> TrainingReport:
    """Return a report each of whose results has other values."""
    results = [result.model_dump() | changes for result in report.metrics.results]
    return changed(report, results=results)


def of_simulated(report: TrainingReport, number: int) -> TrainingReport:
    """Return a report of which so many spectra are simulated."""
    return changed(report, counts=report.metrics.counts.model_dump() | {"simulated": number})
