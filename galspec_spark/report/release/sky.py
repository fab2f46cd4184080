"""Positions of the classified spectra on the sky: two Mollweide maps."""

from __future__ import annotations

import hpgeom
import numpy as np
import numpy.typing as npt
from astropy import units as u
from astropy.coordinates import SkyCoord
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.projections.geo import GeoAxes
from matplotlib.ticker import FuncFormatter

from galspec_spark.labels import AGN
from galspec_spark.report.contents import FloatArray
from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.counts import Integers
from galspec_spark.report.style import AGN_COUNTS, COUNTS, FAINT, MUTED, new_figure

SKY_AREA = 41252.96  #: square degrees
CELL = 0.5  #: degrees; the pixels have 1.8 or more
FEW = 3  #: with fewer spectra in a pixel, pixels are merged by four
#: The middle of the map: its edge then does not cut the Galactic caps, where galaxies are.
CENTRE = 180.0


def sky(report: ReleaseReport) -> Figure | None:
    """Draw maps of the classified spectra and of the AGN among them."""
    classified, agn = _counts(report)
    if not classified.any():
        return None
    figure = new_figure(3.4)
    panels = figure.subplots(1, 2, squeeze=False, subplot_kw={"projection": "mollweide"})[0]
    for axes, counts, shades, name in (
        (panels[0], classified, COUNTS, "given a class"),
        (panels[1], agn, AGN_COUNTS, "AGN"),
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
        f"{_area(classified):.1f} square degrees, at declinations from {dec.min():.0f} to "
        f"{dec.max():.0f} degrees, most of them near right ascension {ra[most]:.0f}, declination "
        f"{dec[most]:.0f}; {agn.sum():,} AGN in {np.sum(agn > 0):,} pixels."
    )


def _counts(report: ReleaseReport) -> tuple[Integers, Integers]:
    """Return the classified spectra and the AGN in each pixel, of an order that suits them."""
    classified, agn = report.counts.sky(report.counts.given), report.counts.sky([AGN])
    if classified.sum() < FEW * np.count_nonzero(classified):
        # Nested: the four parts of a pixel follow one another.
        return classified.reshape(-1, 4).sum(axis=1), agn.reshape(-1, 4).sum(axis=1)
    return classified, agn


def _nside(counts: Integers) -> int:
    return int(hpgeom.npixel_to_nside(len(counts)))


def _area(counts: Integers) -> float:
    """Return the area of a pixel in square degrees."""
    return SKY_AREA / len(counts)


def _occupied(counts: Integers) -> tuple[FloatArray, FloatArray]:
    """Return right ascension and declination of the pixels that have spectra."""
    ra, dec = hpgeom.pixel_to_angle(_nside(counts), np.flatnonzero(counts), nest=True)
    return np.asarray(ra), np.asarray(dec)


def _map(figure: Figure, axes: GeoAxes, counts: Integers, shades: LinearSegmentedColormap) -> None:
    longitude = np.arange(-180, 180 + CELL, CELL)
    latitude = np.arange(-90, 90 + CELL, CELL)
    x, y = np.meshgrid(longitude[:-1] + CELL / 2, latitude[:-1] + CELL / 2)
    pixel = hpgeom.angle_to_pixel(_nside(counts), (CENTRE - x) % 360, y, nest=True)
    shown = np.ma.masked_equal(counts[pixel], 0)
    drawn = axes.pcolormesh(
        np.radians(longitude),
        np.radians(latitude),
        shown,
        cmap=shades,
        norm=LogNorm(vmin=1, vmax=max(counts.max(), 10)),
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
    bar.set_label(f"spectra in a pixel of {_area(counts):.1f} square degrees", fontsize=8)
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7.5)


def _galactic_plane() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return map coordinates in radians, in the order of longitude."""
    plane = SkyCoord(l=np.linspace(0, 360, 361) * u.deg, b=np.zeros(361) * u.deg, frame="galactic")
    longitude = (CENTRE - plane.icrs.ra.deg + 180) % 360 - 180
    order = np.argsort(longitude)
    return np.radians(longitude[order]), np.radians(plane.icrs.dec.deg[order])
