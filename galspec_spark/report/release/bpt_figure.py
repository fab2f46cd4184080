"""The figure of the plane of line ratios."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from galspec_spark.report.contents import FloatArray
from galspec_spark.report.release.bpt import OFFSET, SLOPE, X_RANGE, Y_RANGE, edges
from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.counts import Integers
from galspec_spark.report.style import AGN, COUNTS, INK, MUTED, OTHER, new_figure

SURE = 3  #: bins of fewer spectra are drawn paler
FEW = 5000  #: fewer spectra are drawn in bins of twice the size
CALLED = LinearSegmentedColormap.from_list("called", [OTHER, "#e3dfe2", AGN])


def bpt(report: ReleaseReport) -> Figure | None:
    """Draw the counts of spectra in the plane, and the share called AGN."""
    plane = report.plane
    if plane is None:
        return None
    x, y = edges(X_RANGE), edges(Y_RANGE)
    other, agn = plane.other, plane.agn
    if plane.spectra < FEW:
        x, y, other, agn = x[::2], y[::2], _halved(other), _halved(agn)
    total = other + agn
    figure = new_figure(4.7)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    shown = np.ma.masked_equal(total.T, 0)
    counts = left.pcolormesh(
        x, y, shown, cmap=COUNTS, norm=LogNorm(1, max(total.max(), 10)), rasterized=True
    )
    share = np.ma.masked_where(total.T == 0, agn.T / np.maximum(total.T, 1))
    sure = np.clip(total.T / SURE, 0.45, 1)
    right.pcolormesh(x, y, share, cmap=CALLED, vmin=0, vmax=1, alpha=sure, rasterized=True)
    bar = figure.colorbar(counts, ax=left, shrink=0.8, label="spectra")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.minorticks_off()
    hues = ScalarMappable(Normalize(0, 1), CALLED)  # without the paleness
    figure.colorbar(hues, ax=right, shrink=0.8, label="share called AGN", format="{x:.0%}")
    left.set_title("Spectra with all four lines")
    right.set_title("What the model calls them")
    for axes in (left, right):
        _limits(axes)
        axes.xaxis.set_major_locator(MultipleLocator(0.5))
        axes.set_xlabel("log [N II]6583 / Hα")
    left.set_ylabel("log [O III]5007 / Hβ")
    left.set_xlim(*_span(total.sum(axis=1), x))
    left.set_ylim(*_span(total.sum(axis=0), y))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def describe_bpt(report: ReleaseReport) -> str:
    """Describe the plane."""
    plane = report.plane
    assert plane is not None
    (below, wrong), (missed, above) = plane.sides.tolist()
    return (
        f"The plane of [N II]6583/Hα and [O III]5007/Hβ with {plane.spectra:,} spectra. Of the "
        f"{missed + above:,} above SDSS's line the model calls {above:,} AGN, of the "
        f"{below + wrong:,} below it {wrong:,}."
    )


def kauffmann(x: FloatArray) -> FloatArray:
    """Return the empirical limit of star formation of Kauffmann et al. (2003, MNRAS 346, 1055)."""
    return 1.3 + 0.61 / np.where(x < 0.05, x - 0.05, np.nan)


def kewley(x: FloatArray) -> FloatArray:
    """Return the maximum starburst line of Kewley et al. (2001, ApJ 556, 121)."""
    return 1.19 + 0.61 / np.where(x < 0.47, x - 0.47, np.nan)


def _limits(axes: Axes) -> None:
    x = np.linspace(*X_RANGE, 400)
    for y, name, look in (
        (OFFSET + SLOPE * x, "SDSS's SUBCLASS", {"color": INK, "linewidth": 1.4}),
        (kauffmann(x), "Kauffmann et al. 2003", {"color": MUTED, "linestyle": "--"}),
        (kewley(x), "Kewley et al. 2001", {"color": MUTED, "linestyle": ":"}),
    ):
        axes.plot(x, np.where(y > Y_RANGE[0], y, np.nan), label=name, **look)


def _halved(counts: Integers) -> Integers:
    """Merge bins two by two."""
    rows, columns = counts.shape
    return np.asarray(counts.reshape(rows // 2, 2, columns // 2, 2).sum(axis=(1, 3)))


def _span(counts: Integers, limits: FloatArray) -> tuple[float, float]:
    """Return the occupied range, with a margin on either side."""
    places = np.flatnonzero(counts)
    return float(limits[places[0]]) - 0.1, float(limits[places[-1] + 1]) + 0.1
