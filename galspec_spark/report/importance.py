"""Figures of importance: the features and wavelengths that the classifiers rest on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.evaluation.metrics import FeatureRecord
from galspec_spark.report.contents import (
    FloatArray,
    TrainingReport,
    feature_axis,
    feature_label,
    shown_kind,
    shown_record,
    title,
)
from galspec_spark.report.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    Named,
    colour,
    name_lines,
    new_figure,
    spread,
    wavelength_axis,
)
from galspec_spark.spectrum.lines import LINES

#: Half width of a line's own pixels, in km/s.
LINE_HALF_WIDTH = 500.0
SPEED_OF_LIGHT = 299792.458  # km/s
#: Peaks of the importance within this many Angstrom of a line take its name.
NEAR_LINE = 15.0
#: Height of axes with named peaks, as a multiple of the highest peak.
PEAK_ROOM = 2.2


def feature_importance(report: TrainingReport) -> Figure | None:
    """Draw the forest's importance of each feature; kept features in colour with their rank."""
    record = shown_record(report.metrics)
    importance = record.importance
    if importance.features is None:
        return None
    values = np.array(importance.features)
    rank = {index: place for place, index in enumerate(importance.best or (), start=1)}
    figure = new_figure(3.4)
    axes = figure.subplots()
    number = np.arange(1, values.size + 1)
    kept = np.array([index in rank for index in range(values.size)])
    for chosen, ink, label in (
        (kept, ACCENT, f"the {kept.sum()} kept, with their rank"),
        (~kept, FAINT, "left out by the elimination"),
    ):
        if chosen.any():
            axes.bar(number[chosen], values[chosen], width=0.68, color=ink, label=label)
    for index, place in rank.items():
        axes.annotate(
            str(place),
            (number[index], values[index]),
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            fontweight="bold",
            color=ACCENT,
        )
    even = 1 / values.size
    axes.axhline(even, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(
        "all\nequal",
        (1, even),
        xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=MUTED,
    )
    name_features(axes, shown_kind(report.metrics), record)
    axes.set_xlim(0.3, values.size + 0.7)
    axes.set_ylim(0, 1.14 * max(values.max(), even))
    axes.set_ylabel("Importance (share of the entropy removed)")
    axes.legend(loc="upper right")
    return figure


def name_features(axes: Axes, kind: str, record: FeatureRecord) -> None:
    """Number the features along x from 1, or write their names."""
    count = len(record.names)
    labels = [feature_label(record, index) for index in range(count)]
    if record.explained_variance:
        axes.set_xticks(range(1, count + 1), labels)
        axes.set_xlabel(feature_axis(kind))
    else:
        axes.set_xticks(
            range(1, count + 1), labels, rotation=40, ha="right", rotation_mode="anchor"
        )


def wavelength_importance(report: TrainingReport) -> Figure | None:
    """Draw where in wavelength each classifier's importance lies, under the mean spectrum."""
    names = [name for name in CLASSIFIERS if name in report.wavelength_importance]
    if not names:
        return None
    figure = new_figure(3.0 + 1.35 * len(names))
    grid = figure.subplots(1 + len(names), 1, sharex=True, height_ratios=[1.15] + [1] * len(names))
    grid[0].plot(report.wavelength, report.mean_spectrum, color=INK, linewidth=0.8)
    grid[0].set_ylabel("Mean flux")
    pixels = line_pixels(report.wavelength)
    shares = {name: np.nan_to_num(report.wavelength_importance[name]) for name in names}
    # 1 where every pixel counts the same
    relative = {name: share * share.size for name, share in shares.items()}
    for axes, name in zip(grid[1:], names, strict=True):
        share = shares[name]
        axes.fill_between(
            report.wavelength, 0, relative[name], color=colour(name), alpha=0.3, linewidth=0
        )
        axes.plot(report.wavelength, relative[name], color=colour(name), linewidth=0.8)
        axes.axhline(1, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
        room = PEAK_ROOM if peaks_by_line(report, name) else 1.25
        _square_root_axis(axes, room * max(relative[name].max(), 1.0))
        axes.set_ylabel("× average")
        axes.set_title(title(name), color=colour(name), pad=3)
        axes.set_title(
            f"{share[pixels].sum():.0%} of it within {LINE_HALF_WIDTH:.0f} km/s of a named "
            f"emission line, {pixels.mean():.0%} of the pixels",
            loc="right",
            fontweight="normal",
            fontsize=8.5,
            color=MUTED,
            pad=3,
        )
    wavelength_axis(grid[-1], report.wavelength)
    figure.align_ylabels(grid)
    name_lines(figure, Named(grid[0], grid[1:]))
    for axes, name in zip(grid[1:], names, strict=True):
        _name_peaks(axes, peaks_by_line(report, name), report.wavelength, relative[name])
    return figure


def peaks_by_line(report: TrainingReport, name: str) -> dict[str, list[float]]:
    """Return a classifier's strongest peaks (Angstrom) by line, strongest first.

    A peak farther than `NEAR_LINE` from any line is named by its wavelength.
    """
    found: dict[str, list[float]] = {}
    for peak in report.metrics.features[report.pixel_kind].importance.peaks.get(name, ()):
        near = peak.distance <= NEAR_LINE
        label = peak.line if near else f"{peak.wavelength:.0f} Å"
        found.setdefault(label, []).append(peak.wavelength)
    return found


def _name_peaks(
    axes: Axes, peaks: Mapping[str, list[float]], wavelength: FloatArray, relative: FloatArray
) -> None:
    """Write the names of peaks side by side above them, each with leaders to its peaks."""
    if not peaks:
        return
    by_place = sorted(peaks, key=lambda label: np.mean(peaks[label]))
    low, high = axes.get_xlim()
    gap = (high - low) * 0.78 * axes.figure.dpi / axes.get_window_extent().width
    places = spread(np.array([np.mean(peaks[label]) for label in by_place]), gap)
    order = np.arange(places.size)
    places = np.maximum(places, low + gap * (order + 0.5))  # inside the axes, and as far apart
    places = np.minimum(places, high - gap * (order[::-1] + 0.5))
    for label, place in zip(by_place, places, strict=True):
        axes.text(
            place,
            0.98,
            label,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
        for peak in peaks[label]:
            height = relative[np.abs(wavelength - peak) < 5].max()
            axes.annotate(
                "",
                xy=(peak, height),
                xytext=(place, 0.86),
                textcoords=axes.get_xaxis_transform(),
                arrowprops={
                    "arrowstyle": "-",
                    "color": MUTED,
                    "linewidth": 0.6,
                    "patchA": None,
                    "shrinkA": 0.0,
                    "shrinkB": 1.5,
                },
            )


def _square_root_axis(axes: Axes, top: float) -> None:
    """Scale the y axis by the square root, so that a strong line does not hide the rest."""
    axes.set_yscale("function", functions=(_square_root, np.square))
    axes.set_ylim(0, top)
    decades = 10.0 ** np.arange(-1, np.ceil(np.log10(top)) + 1)
    series = np.outer(decades, (1, 2, 5)).ravel()
    axes.set_yticks(series[series <= top][::-2][:3])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def _square_root(values: FloatArray) -> FloatArray:
    return np.sqrt(np.clip(values, 0, None))


def line_pixels(wavelength: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which pixels lie within `LINE_HALF_WIDTH` of an emission line, shape (n,)."""
    centres = np.array([line.wavelength for line in LINES])
    velocity = SPEED_OF_LIGHT * (wavelength[:, None] / centres - 1)
    return np.asarray((np.abs(velocity) <= LINE_HALF_WIDTH).any(axis=1))
