"""The figure of the outliers: their spectra over their reconstructions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.outliers import Outlier
from galspec_spark.report.style import (
    AGN,
    FAINT,
    INK,
    MUTED,
    Named,
    name_lines,
    new_figure,
    wavelength_axis,
)
from galspec_spark.spectrum.grid import wavelength


def outliers(report: ReleaseReport) -> Figure | None:
    """Draw the outliers under one another."""
    if not report.outliers:
        return None
    shown = report.outliers
    figure = new_figure(1.1 + 1.6 * len(shown))
    figure.set_layout_engine("constrained", h_pad=0.01, hspace=0)
    heights = [2.4, 1] * len(shown)
    grid = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    for number, outlier in enumerate(shown, 1):
        _spectrum(grid[2 * number - 2], number, outlier)
        _residual(grid[2 * number - 1], outlier)
    wavelength_axis(grid[-1], wavelength())
    figure.supylabel("Normalised flux, and what the features leave of it", fontsize=9)
    name_lines(figure, Named(grid[0], grid[1:]))
    return figure


def describe_outliers(report: ReleaseReport) -> str:
    """Describe the outliers."""
    listed = "; ".join(
        f"{number}: {outlier.spectrum_id}, {outlier.ratio:.1f} times its limit, furthest off at "
        f"{_furthest(outlier):.0f} Å"
        for number, outlier in enumerate(report.outliers, 1)
    )
    return f"Rest-frame spectra and the model's reconstructions. {listed}."


def _spectrum(axes: Axes, number: int, outlier: Outlier) -> None:
    axes.plot(wavelength(), outlier.reconstruction, color=AGN, linewidth=2.0, alpha=0.55)
    axes.plot(wavelength(), outlier.flux, color=INK, linewidth=0.6)
    low, high = np.nanpercentile([outlier.flux, outlier.reconstruction], [0.1, 99.9])
    axes.set_ylim(low - 0.08 * (high - low), high + 0.35 * (high - low) + 1e-6)
    axes.text(
        0.006,
        0.97,
        f"{number}  {outlier.spectrum_id}   z = {outlier.z:.4f}, S/N {outlier.sn_median:.1f}, "
        f"{outlier.class_name} ({outlier.probability:.2f}), {outlier.ratio:.1f} × limit",
        transform=axes.transAxes,
        va="top",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
    )
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(labelcolor=MUTED, bottom=False)


def _residual(axes: Axes, outlier: Outlier) -> None:
    residual = outlier.flux - outlier.reconstruction
    axes.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    axes.plot(wavelength(), residual, color=MUTED, linewidth=0.6)
    most = np.nanpercentile(np.abs(residual), 99.9) + 1e-6
    axes.set_ylim(-1.1 * most, 1.1 * most)
    axes.tick_params(labelcolor=MUTED)


def _furthest(outlier: Outlier) -> float:
    """Return the wavelength at which the reconstruction is furthest from the spectrum."""
    return float(wavelength()[np.nanargmax(np.abs(outlier.flux - outlier.reconstruction))])
