"""The pixels of the joint fit, cut into segments of lines that may overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.backgrounds import WINDOW, Coverage, cover
from galspec_spark.lines.linelist import LineList
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.windows import cut
from galspec_spark.spectrum.arrays import Array, Doubles
from galspec_spark.spectrum.grid import LOGLAM_STEP


@dataclass(frozen=True)
class Segment:
    """Consecutive pixels of n spectra, around lines that may overlap."""

    lines: npt.NDArray[np.intp]  #: (k,) lines, as numbered in the list
    centres: Doubles  #: (k,) their places in pixels, from the first of them on
    place: Doubles  #: (n, pixels) places of the pixels, from the first line on
    fitted: Doubles  #: (n, k) 1 where a line is fitted, else 0
    amplitudes: Doubles  #: (a, k) share of each line in each of a amplitudes
    columns: npt.NDArray[np.intp]  #: (a + b,) of the amplitudes and backgrounds in the whole fit
    backgrounds: Doubles  #: (n, b, pixels) continuum, and two terms for each window
    flux: Doubles  #: (n, pixels)
    weight: Doubles  #: (n, pixels) root of ivar, 0 where not fitted

    def take(self, rows: Array) -> Segment:
        """Return the same of some of the spectra."""
        own = ("place", "fitted", "backgrounds", "flux", "weight")
        return replace(self, **{name: getattr(self, name)[rows] for name in own})


@dataclass(frozen=True)
class Segments:
    """All that the joint fit of n spectra needs."""

    lines: LineList
    parts: tuple[Segment, ...]
    columns: int  #: amplitudes, the continuum's scale, backgrounds
    scale: int  #: the column of the scale
    power: Doubles  #: (n, 3) outside the segments: sums of ivar times c c, c f and f f

    def take(self, rows: Array) -> Segments:
        """Return the same of some of the spectra."""
        parts = tuple(part.take(rows) for part in self.parts)
        return replace(self, parts=parts, power=self.power[rows])


def cut_segments(spectra: Spectra, continuum: Doubles, lines: LineList, reach: int) -> Segments:
    """Cut spectra into segments.

    Parameters
    ----------
    spectra
        n spectra.
    continuum
        Shape (n, pixels), 0 outside the templates.
    lines
        Lines to fit.
    reach
        Pixels to either side of a line that are cut out.
    """
    centres = spectra.centres(lines)
    coverage = cover(spectra.ivar, continuum, centres)
    ivar = np.where(coverage.used, spectra.ivar, 0)
    arrays = spectra.flux, ivar, coverage.continuum
    free, column = np.unique(lines.amplitude, return_inverse=True)
    scale = columns = len(free)
    power = _power(*arrays)
    parts = []
    for group in _groups(lines, np.asarray(coverage.lines.any(axis=0)), reach):
        part = _segment(
            arrays, coverage, centres, lines, group, reach, (column, scale, columns + 1)
        )
        columns += part.backgrounds.shape[1] - 1
        power -= _power(part.flux, part.weight**2, part.backgrounds[:, 0])
        parts.append(part)
    return Segments(lines, tuple(parts), columns + 1, scale, power)


def _groups(
    lines: LineList, fitted: npt.NDArray[np.bool_], reach: int
) -> list[npt.NDArray[np.intp]]:
    """Return the lines, by wavelength, in groups whose pixels do not meet."""
    place = np.log10(lines.wavelength) / LOGLAM_STEP
    order = np.flatnonzero(fitted)[np.argsort(place[fitted])]
    groups = np.split(order, 1 + np.flatnonzero(np.diff(place[order]) > 2 * reach))
    return [group for group in groups if len(group)]


def _segment(
    arrays: tuple[Doubles, Doubles, Doubles],
    coverage: Coverage,
    centres: Doubles,
    lines: LineList,
    group: npt.NDArray[np.intp],
    reach: int,
    columns: tuple[npt.NDArray[np.intp], int, int],
) -> Segment:
    place_of = np.log10(lines.wavelength[group] / lines.wavelength[group[0]]) / LOGLAM_STEP
    width = int(np.ceil(place_of[-1])) + 2 * reach + 2
    start = np.floor(centres[:, group[0]]).astype(np.int64) - reach
    place = start[:, None] + np.arange(width) - centres[:, group[:1]]
    flux, ivar, continuum = (cut(values, start, width) for values in arrays)
    column, scale, next_column = columns
    own, share = np.unique(column[group], return_inverse=True)
    amplitudes = np.where(np.arange(len(own))[:, None] == share, lines.ratio[group], 0.0)
    windows = _windows(place, place_of, coverage.windows[:, group])
    backgrounds = np.stack([continuum, *windows], axis=1)
    further = np.arange(next_column, next_column + len(windows))
    return Segment(
        group,
        place_of,
        place,
        coverage.lines[:, group].astype(np.float64),
        amplitudes,
        np.concatenate([own, [scale], further]),
        backgrounds,
        flux,
        np.sqrt(ivar),
    )


def _windows(place: Doubles, centres: Doubles, windowed: npt.NDArray[np.bool_]) -> list[Doubles]:
    """Return a constant and a slope for each window, one for lines whose windows overlap."""
    lines = np.flatnonzero(windowed.any(axis=0))
    if not len(lines):
        return []
    terms = []
    for merged in np.split(lines, 1 + np.flatnonzero(np.diff(centres[lines]) > 2 * WINDOW)):
        near = np.abs(place[:, None] - centres[merged, None]) <= WINDOW
        inside = (near & windowed[:, merged, None]).any(axis=1)
        terms += [inside * 1.0, inside * (place - centres[merged[0]]) / WINDOW]
    return terms


def _power(flux: Doubles, ivar: Doubles, continuum: Doubles) -> Doubles:
    """Return the sums over pixels of ivar times c c, c f and f f, shape (n, 3)."""
    pairs = ((continuum, continuum), (continuum, flux), (flux, flux))
    return np.stack([np.einsum("np,np,np->n", ivar, a, b) for a, b in pairs], axis=1)
