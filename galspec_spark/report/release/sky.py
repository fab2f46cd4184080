"""Where on the sky the classified spectra are: two Mollweide maps."""

from __future__ import annotations

from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import SkyCoord
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from galspec_spark.report.contents import FloatArray
from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.counts import AGN, GIVEN, SKY_ORDER, Integers
from galspec_spark.report.style import FAINT, MUTED, SHADES, new_figure

AGN_SHADES = LinearSegmentedColormap.from_list("agn", ["#fbeef3", "#d9779c", "#b3285c"])
PIXEL_AREA = 41252.96 / (12 * 4**SKY_ORDER)  #: square degrees
CELL = 0.5  #: degrees; a pixel of the sky has 1.8
#: The middle of the map: the Galactic caps, where galaxies are, are then not cut by its edge.
CENTRE = 180.0


def sky(report: ReleaseReport) -> Figure | None:
    """Draw maps of the classified spectra and of the AGN among them."""
    classified, agn = _counts(report)
    if not classified.any():
        return None
    figure = new_figure(3.4)
    panels: Any = figure.subplots(1, 2, subplot_kw={"projection": "mollweide"})
    for axes, counts, shades, name in (
        (panels[0], classified, SHADES, "given a class"),
        (panels[1], agn, AGN_SHADES, "AGN"),
    ):
        _map(figure, axes, counts, shades)
        axes.set_title(f"{counts.sum():,} {name}", pad=12)
    return figure


def describe_sky(report: ReleaseReport) -> str:
    """Describe the maps."""
    classified, agn = _counts(report)
    ra, dec = _occupied(classified)
    most = classified[classified > 0].argmax()
    return (
        f"Two maps of the sky. {classified.sum():,} classified spectra in {len(ra):,} pixels of "
        f"{PIXEL_AREA:.1f} square degrees, at declinations from {dec.min():.0f} to {dec.max():.0f} "
        f"degrees, most of them near right ascension {ra[most]:.0f}, declination {dec[most]:.0f}; "
        f"{agn.sum():,} AGN in {np.sum(agn > 0):,} pixels."
    )


def _counts(report: ReleaseReport) -> tuple[Integers, Integers]:
    return report.counts.sky(GIVEN), report.counts.sky([AGN])


def _occupied(counts: Integers) -> tuple[FloatArray, FloatArray]:
    """Return right ascension and declination of the pixels that have any."""
    ra, dec = hpgeom.pixel_to_angle(1 << SKY_ORDER, np.flatnonzero(counts), nest=True)
    return np.asarray(ra), np.asarray(dec)


def _map(figure: Figure, axes: Any, counts: Integers, shades: LinearSegmentedColormap) -> None:
    longitude = np.arange(-180, 180 + CELL, CELL)
    latitude = np.arange(-90, 90 + CELL, CELL)
    x, y = np.meshgrid(longitude[:-1] + CELL / 2, latitude[:-1] + CELL / 2)
    pixel = hpgeom.angle_to_pixel(1 << SKY_ORDER, (CENTRE - x) % 360, y, nest=True)
    shown = np.ma.masked_equal(counts[pixel], 0)
    drawn = axes.pcolormesh(
        np.radians(longitude),
        np.radians(latitude),
        shown,
        cmap=shades,
        norm=LogNorm(vmin=0.7, vmax=max(counts.max(), 10)),
        rasterized=True,
    )
    axes.grid(color=FAINT, linewidth=0.4)
    axes.set_longitude_grid_ends(90)
    axes.plot(*_galactic_plane(), color=MUTED, linewidth=0.8, linestyle="--")
    hours = np.arange(30, 360, 60)
    axes.set_xticks(np.radians(CENTRE - hours), [f"{h}°" for h in hours])
    axes.set_yticks(np.radians([-60, -30, 0, 30, 60]))
    axes.tick_params(labelsize=7.5, labelcolor=MUTED)
    for label in axes.get_xticklabels():  # they stand within the map
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.6, pad=0.04)
    bar.set_label(f"spectra in a pixel of {PIXEL_AREA:.1f} square degrees", fontsize=8)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7.5)


def _galactic_plane() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return map coordinates in radians, in the order of longitude."""
    plane = SkyCoord(l=np.linspace(0, 360, 361) * u.deg, b=np.zeros(361) * u.deg, frame="galactic")
    longitude = (CENTRE - plane.icrs.ra.deg + 180) % 360 - 180
    order = np.argsort(longitude)
    return np.radians(longitude[order]), np.radians(plane.icrs.dec.deg[order])
