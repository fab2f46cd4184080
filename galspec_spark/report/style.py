"""Style of the report's figures: colours, fonts, axes, and the names of spectral lines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import ScaledTranslation

from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.report.contents import FloatArray, has_all_features
from galspec_spark.spectrum.lines import LINES

INK = "#1b2733"  # text and main curves
MUTED = "#5b6875"  # labels, secondary text
FAINT = "#c9d1d9"  # rules, reference lines
PANEL = "#f3f6f8"  # quiet fills
ACCENT = "#0b5c8a"
AGN = "#b3285c"
OTHER = "#4f7f9b"
#: Of the classes but AGN, in their order.
OTHERS = (OTHER, "#c98a1b", "#5f9e6e", "#7a6aa8", "#8c6d5a", "#3f9f9f", "#9aa33a")

#: From none to all, or from few to many.
SHADES = LinearSegmentedColormap.from_list("share", ["#f6f9fb", "#8fb8d0", "#0b5c8a"])
#: Counts on white, where a count of 1 must be seen.
COUNTS = LinearSegmentedColormap.from_list("counts", ["#a9cbdf", "#3f88b3", "#08334f"])
AGN_COUNTS = LinearSegmentedColormap.from_list("agn", ["#e8a9c0", "#b3285c", "#5c0a2b"])

#: Figures are drawn 10 inches wide and shown at about 1000 CSS pixels: 9 pt reads as 12 px.
WIDTH = 10.0
DPI = 170

#: Further visible features, mostly stellar absorption: vacuum wavelengths in Angstrom, as in SDSS's
#: list.
FEATURES: tuple[tuple[str, float], ...] = (
    ("[Ne III]", 3869.86),
    ("Ca K", 3934.78),
    ("Ca H", 3969.59),
    ("Hδ", 4102.89),
    ("G band", 4305.61),
    ("Hγ", 4341.68),
    ("Mg b", 5176.63),
    ("Na D", 5895.60),
)

#: Height of the names of lines above their axes, in inches.
NAMES_ABOVE = 0.16
#: The line from a name to its wavelength; nothing to clip it by, which takes long.
LEADER = {
    "arrowstyle": "-",
    "alpha": 0.45,
    "linewidth": 0.6,
    "relpos": (0.5, 0.0),
    "patchA": None,
    "shrinkA": 1.0,
    "shrinkB": 0.0,
}

Look = dict[str, Any]  #: keyword arguments of matplotlib's functions

_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure everywhere
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a name from the data may hold a dollar sign
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.1,
    "lines.solid_joinstyle": "round",
    "savefig.dpi": DPI,
    "savefig.facecolor": "white",
}


def style() -> AbstractContextManager[None]:
    """Return a context in which figures are drawn and saved; outside it nothing changes."""
    return mpl.rc_context(_SETTINGS)


def new_figure(height: float) -> Figure:
    """Return an empty figure of the report's width and a height in inches."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def wavelength_axis(axes: Axes, wavelength: FloatArray) -> None:
    """Let the x axis span a grid of wavelengths (Angstrom) and name it."""
    axes.set_xlim(wavelength[0], wavelength[-1])
    axes.set_xlabel("Rest-frame wavelength (Å, vacuum)")


def class_inks(names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each class, given their names by label; AGN, the last, has its own."""
    return {**dict(zip(names[:-1], OTHERS, strict=False)), names[-1]: AGN}


def colour(classifier: str) -> str:
    """Return the colour of a classifier in all figures."""
    return CLASSIFIERS[classifier].colour if classifier in CLASSIFIERS else MUTED


def dot(classifier: str, features: str, marker: str = "o", size: float = 6) -> Look:
    """Return the look of the mark of a result: full with all features, else hollow."""
    ink = colour(classifier)
    return {
        "marker": marker,
        "markersize": size,
        "markerfacecolor": ink if has_all_features(features) else "white",
        "markeredgecolor": ink,
    }


def bars(middle: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> FloatArray:
    """Return the lengths of error bars, shape (2, n), given where they end.

    An end that rounding put beyond the middle is moved to it.
    """
    values = np.asarray(middle, dtype=np.float64)
    return np.maximum([values - np.asarray(low), np.asarray(high) - values], 0.0)


@dataclass(frozen=True)
class Named:
    """Axes above which lines are named; the limits of x must be set."""

    top: Axes
    below: Sequence[Axes] = ()  #: further axes with the same x axis, through which marks go
    features: bool = True  #: whether the further features are named too
    gap: float = 0.145  #: least distance between two names, in inches


def name_lines(figure: Figure, *places: Named) -> None:
    """Mark spectral lines through some axes and write their names above them.

    Names stand upright side by side, none on another, each with a leader to its wavelength.
    `LINES` are in ink, further features are muted. The figure keeps the layout that it has then.
    """
    found = [_name(place) for place in places]
    figure.draw_without_rendering()  # the layout decides the size of the axes
    figure.set_layout_engine("none")
    for place, names in zip(places, found, strict=True):
        low, high = place.top.get_xlim()
        width = place.top.get_window_extent().width / figure.dpi
        positions = np.array([name.xy[0] for name in names])
        moved = spread(positions, (high - low) * place.gap / width)
        for name, at in zip(names, moved, strict=True):
            name.set_x(at)


def _name(place: Named) -> list[Annotation]:
    """Mark the lines of some axes and name them where they are; return the names by wavelength."""
    top = place.top
    marks = [(line.label, line.wavelength, INK) for line in LINES]
    marks += [(name, wavelength, MUTED) for name, wavelength in FEATURES if place.features]
    low, high = top.get_xlim()
    marks = sorted((m for m in marks if low < m[1] < high), key=lambda mark: mark[1])
    edge = top.get_xaxis_transform()
    above = edge + ScaledTranslation(0, NAMES_ABOVE, top.figure.dpi_scale_trans)
    for _, position, ink in marks:
        for axes in (top, *place.below):
            axes.axvline(position, color=ink, alpha=0.16, linewidth=0.7, zorder=0)
    return [
        top.annotate(
            name,
            xy=(position, 1.0),
            xycoords=edge,
            xytext=(position, 1.0),
            textcoords=above,
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=7.5,
            color=ink,
            arrowprops={**LEADER, "color": ink},
        )
        for name, position, ink in marks
    ]


def spread(positions: FloatArray, gap: float) -> FloatArray:
    """Move sorted positions apart to at least a gap, each as little as possible.

    This is isotonic regression of the positions less their even spacing: neighbours that are too
    close form a block around their common mean (pool adjacent violators).
    """
    even = gap * np.arange(len(positions))
    blocks: list[tuple[float, int]] = []
    for target in positions - even:
        mean, size = float(target), 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (mean * size + before * count) / (size + count), size + count
        blocks.append((mean, size))
    return np.asarray(np.repeat([m for m, _ in blocks], [n for _, n in blocks]) + even)
