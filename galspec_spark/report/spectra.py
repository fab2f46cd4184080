"""Figures of spectra: the eigenspectra, the variance they explain, and the mean of each class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.labels import AGN as AGN_NAME
from galspec_spark.report.contents import FloatArray, TrainingReport, feature_axis
from galspec_spark.report.style import (
    ACCENT,
    AGN,
    FAINT,
    INK,
    MUTED,
    OTHER,
    Named,
    class_inks,
    name_lines,
    new_figure,
    wavelength_axis,
)

#: Eigenspectra drawn; later eigenspectra are mostly noise to the eye.
SHOWN = 8

#: Windows around the lines that reveal an AGN, in Angstrom.
WINDOWS = (("Hβ and [O III]", 4800.0, 5060.0), ("Hα, [N II] and [S II]", 6490.0, 6790.0))


def eigenspectra(report: TrainingReport) -> Figure | None:
    """Draw the mean spectrum and the first eigenspectra under one another."""
    if report.basis is None:
        return None
    shown = report.basis[:SHOWN]
    rows = 1 + len(shown)
    figure = new_figure(1.2 + 0.78 * rows)
    grid = figure.subplots(rows, 1, sharex=True, height_ratios=[1.5] + [1] * len(shown))
    ratios = report.metrics.features[report.pixel_kind].explained_variance
    _plain(grid[0], report.wavelength, report.mean_spectrum, "mean", INK)
    for index, spectrum in enumerate(shown):
        label = f"{index + 1}\n{ratios[index]:.2%}" if ratios else str(index + 1)
        _plain(grid[index + 1], report.wavelength, spectrum, label, ACCENT)
        grid[index + 1].axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    for axes in grid[:-1]:
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(bottom=False)
    wavelength_axis(grid[-1], report.wavelength)
    name_lines(figure, Named(grid[0], grid[1:]))
    return figure


def explained_variance(report: TrainingReport) -> Figure | None:
    """Draw how the explained variance adds up over the features."""
    explained = report.metrics.features[report.pixel_kind].explained_variance
    if not explained:
        return None
    ratios = np.array(explained)
    figure = new_figure(3.0)
    axes = figure.subplots()
    number = np.arange(1, ratios.size + 1)
    total = np.cumsum(ratios)
    axes.bar(number, ratios, width=0.62, color=FAINT, label="each feature")
    axes.plot(number, total, color=ACCENT, marker="o", markersize=4, label="added up")
    for index in sorted({0, min(4, ratios.size - 1), ratios.size - 1}):
        axes.annotate(
            f"{total[index]:.1%}",
            (number[index], total[index]),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            color=ACCENT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            fontsize=8.5,
        )
    axes.set_xticks(number)
    axes.set_xlim(0.3, ratios.size + 0.7)
    axes.set_ylim(0, 1.12)
    axes.set_yticks(np.linspace(0, 1, 6), [f"{share:.0%}" for share in np.linspace(0, 1, 6)])
    axes.set_xlabel(feature_axis(report.pixel_kind))
    axes.set_ylabel("Share of the variance")
    axes.legend(loc="center right")
    return figure


def class_means(report: TrainingReport) -> Figure | None:
    """Draw the mean spectrum of each class, their difference, and both in two windows of lines."""
    if not report.class_means:
        return None
    figure = new_figure(7.4)
    grid = figure.subplot_mosaic("AA;BB;CD", height_ratios=[1.35, 0.8, 1.1])
    wide, difference, *windows = (grid[key] for key in "ABCD")
    _means(wide, report)
    wide.set_ylabel("Mean flux")
    if len(report.metrics.classes) == 2:
        wide.legend(loc="lower right", ncols=2)
    else:
        wide.legend(loc="upper center", ncols=2)
    wide.tick_params(labelbottom=False)
    wide.set_xlim(report.wavelength[0], report.wavelength[-1])
    _difference(difference, report)
    for axes, (name, low, high) in zip(windows, WINDOWS, strict=True):
        _means(axes, report)
        inside = (report.wavelength >= low) & (report.wavelength <= high)
        axes.set_xlim(low, high)
        _fit_y(axes, [mean[inside] for mean in report.class_means.values()])
        axes.set_xlabel(f"{name} (Å)")
    windows[0].set_ylabel("Mean flux")
    narrow = [Named(axes, features=False, gap=0.16) for axes in windows]
    name_lines(figure, Named(wide, [difference]), *narrow)
    return figure


def _means(axes: Axes, report: TrainingReport) -> None:
    for name, ink in class_inks(report.metrics.classes).items():
        if name in report.class_means:
            width = 1.2 if name == AGN_NAME else 1.0
            mean = report.class_means[name]
            axes.plot(report.wavelength, mean, color=ink, linewidth=width, label=name)


def _difference(axes: Axes, report: TrainingReport) -> None:
    """Draw AGN less other, or less the mean; a sentence where there is one class only."""
    wavelength_axis(axes, report.wavelength)
    *others, agn = report.metrics.classes
    axes.set_ylabel(f"AGN − {others[0] if len(others) == 1 else 'mean of all'}")
    axes.axhline(0, color=MUTED, linewidth=0.6)
    if agn not in report.class_means or not set(others) & set(report.class_means):
        axes.text(0.5, 0.6, "one class only", transform=axes.transAxes, ha="center", color=MUTED)
        return
    rest = report.class_means[others[0]] if len(others) == 1 else report.mean_spectrum
    step = report.class_means[agn] - rest
    for sign, ink in ((step > 0, AGN), (step < 0, OTHER)):
        axes.fill_between(
            report.wavelength, 0, np.where(sign, step, 0), color=ink, alpha=0.75, linewidth=0
        )


def _fit_y(axes: Axes, spectra: list[FloatArray]) -> None:
    values = np.concatenate(spectra)
    values = values[np.isfinite(values)]
    if values.size and np.ptp(values) > 0:
        margin = 0.06 * np.ptp(values)
        axes.set_ylim(values.min() - margin, values.max() + margin)


def _plain(axes: Axes, wavelength: FloatArray, flux: FloatArray, label: str, ink: str) -> None:
    """Draw one spectrum without a scale, named at its left."""
    axes.plot(wavelength, flux, color=ink, linewidth=0.8)
    _fit_y(axes, [flux])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=6)
