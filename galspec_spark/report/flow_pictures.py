"""The small drawings on the cards of the flow, made of the run's own spectra and scores."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from galspec_spark.report.contents import FloatArray, TrainingReport, shown_record
from galspec_spark.report.spectra import WINDOWS
from galspec_spark.report.style import ACCENT, FAINT, INK, MUTED, class_inks, colour


def files(axes: Axes, report: TrainingReport) -> None:
    """Draw a row of files."""
    axes.set_xlim(0, 4.4)
    axes.set_ylim(0, 2.2)
    for column in range(4):
        for row in range(2):
            left, bottom = 0.12 + column * 1.08, 0.1 + row * 1.04
            page = FancyBboxPatch(
                (left, bottom),
                0.9,
                0.9,
                boxstyle="round,pad=0,rounding_size=0.1",
                facecolor="white",
                edgecolor=MUTED,
                linewidth=0.8,
            )
            axes.add_patch(page)
            for line, length in enumerate((0.42, 0.6, 0.5)):
                height = bottom + 0.68 - line * 0.22
                ink = ACCENT if not line else FAINT
                axes.plot([left + 0.15, left + 0.15 + length], [height] * 2, color=ink)


def observed(axes: Axes, report: TrainingReport) -> None:
    """Draw the mean spectrum as it is observed at three redshifts: the lines do not align."""
    flux = _unit(report.mean_spectrum)
    step = flux.size // 14
    for place in range(3):
        x = np.arange(flux.size) + (place - 1) * step
        axes.plot(x, flux + 1.1 * place, color=INK, linewidth=0.6)
    axes.set_xlim(step, flux.size - step)


def classes(axes: Axes, report: TrainingReport) -> None:
    """Draw the mean of each class around H alpha: in the rest frame the lines align."""
    _, low, high = WINDOWS[-1]
    inside = (report.wavelength > low) & (report.wavelength < high)
    for name, ink in class_inks(report.metrics.classes).items():
        if name in report.class_means and inside.any():
            axes.plot(report.wavelength[inside], report.class_means[name][inside], color=ink)


def basis(axes: Axes, report: TrainingReport) -> None:
    """Draw the spectra that the first three features stand for."""
    for place, spectrum in enumerate(() if report.basis is None else report.basis[:3]):
        axes.plot(report.wavelength, _unit(spectrum) - 1.15 * place, color=ACCENT, linewidth=0.6)


def importance(axes: Axes, report: TrainingReport) -> None:
    """Draw the importance of the features, with the kept features in colour."""
    content = shown_record(report.metrics).importance
    values, best = content.features or (), content.best or ()
    inks = [ACCENT if index in best else MUTED for index in range(len(values))]
    if values:
        axes.bar(range(len(values)), values, width=0.7, color=inks)


def result(axes: Axes, report: TrainingReport) -> None:
    """Draw the precision-recall curve of the result that is shown first."""
    best = report.metrics.best_result
    curve = report.curves.get(f"{best.kind}/{best.classifier}/{best.features}", {})
    if "pr" in curve:
        recall, precision = curve["pr"]
        ink = colour(best.classifier)
        axes.fill_between(recall, 0, precision, color=ink, alpha=0.18, linewidth=0)
        axes.plot(recall, precision, color=ink, linewidth=1.4)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.06)


def _unit(flux: FloatArray) -> FloatArray:
    """Return a spectrum with its robust extent scaled to 0 to 1."""
    low, high = np.nanpercentile(flux, [0.5, 99.7])
    return np.asarray(np.clip((flux - low) / max(high - low, 1e-12), -0.1, 1.1))
