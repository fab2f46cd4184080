"""The joint fit of all lines: one redshift and two widths are searched, all else is linear.

SDSS's linebackfit (idlspec2d) varies all parameters together. Here amplitudes and backgrounds are
solved exactly for each redshift and pair of widths (variable projection: Golub and Pereyra 1973,
SIAM J. Numer. Anal. 10, 413; derivatives as Kaufman 1975, BIT 15, 49).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.linelist import LineList
from galspec_spark.lines.normal import SEARCHED, covariance, profiles, solve
from galspec_spark.lines.segments import Segment, Segments, cut_segments
from galspec_spark.lines.spectra import Spectra
from galspec_spark.spectrum.arrays import Doubles

#: Width that the search begins with, in pixels.
FIRST_WIDTH = 1.5
#: Least and greatest shift and widths, in pixels.
LEAST = np.array([-30.0, 0.2, 0.2])
GREATEST = np.array([30.0, 200.0, 200.0])
#: Pixels to either side of a line that are looked at, for lines of ever greater width.
REACHES = (40, 80, 160, 320, 1000)
#: Widths of a line that have to be within reach.
SEEN_WIDTHS = 5.0
#: Steps of a search at most.
STEPS = 60
#: A search ends where a step lowers chi2 by less than this share.
TOLERANCE = 1e-8
#: Damping at first, and its factor after a step that was good or not.
DAMPING, LESS, MORE = 1e-3, 0.2, 6.0
#: Widths to either side of a line that count as its pixels.
OWN_WIDTHS = 3.0


@dataclass
class LineFit:
    """Fits of n spectra; shift and widths are in pixels."""

    searched: Doubles  #: (n, 3) shift, width of the Balmer lines and of the others
    searched_err: Doubles  #: (n, 3)
    scale: Doubles  #: (n,) by which the continuum is multiplied
    area: Doubles  #: (n, lines) in flux times pixels
    area_err: Doubles  #: (n, lines)
    level: Doubles  #: (n, lines) flux under the line
    level_err: Doubles  #: (n, lines)
    chi2: Doubles  #: (n, lines) of a line's own pixels
    pixels: npt.NDArray[np.int64]  #: (n, lines) good ones within 3 widths
    fitted: npt.NDArray[np.bool_]  #: (n, lines)
    converged: npt.NDArray[np.bool_]  #: (n,)

    def put(self, rows: npt.NDArray[np.intp], other: LineFit) -> None:
        """Replace the fits of some of the spectra."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)


def fit_lines(spectra: Spectra, continuum: Doubles, lines: LineList) -> LineFit:
    """Fit the lines of n spectra.

    Parameters
    ----------
    spectra
        n spectra.
    continuum
        Shape (n, pixels): as `fit_continuum` gives it, 0 outside the templates.
    lines
        Lines to fit.

    Notes
    -----
    Only pixels within reach of a line are looked at. A spectrum whose lines turn out wider than
    that is fitted again with a greater reach, from where the search had come to.
    """
    n = len(spectra.flux)
    start = np.tile([0.0, FIRST_WIDTH, FIRST_WIDTH], (n, 1))
    fit = _fit(spectra, continuum, lines, REACHES[0], start)
    reach = np.full(n, REACHES[0])
    while True:
        needed = SEEN_WIDTHS * fit.searched[:, 1:].max(axis=1)
        wider = np.minimum(np.searchsorted(REACHES, needed), len(REACHES) - 1)
        target = np.asarray(REACHES)[wider]
        rows = np.flatnonzero(target > reach)
        if not len(rows):
            return fit
        for value in np.unique(target[rows]):
            same = rows[target[rows] == value]
            again = _fit(spectra.take(same), continuum[same], lines, int(value), fit.searched[same])
            fit.put(same, again)
        reach[rows] = target[rows]


def _fit(
    spectra: Spectra, continuum: Doubles, lines: LineList, reach: int, start: Doubles
) -> LineFit:
    segments = cut_segments(spectra, continuum, lines, reach)
    searched, linear, converged = _search(segments, start)
    return _read(segments, searched, linear, converged)


def _search(segments: Segments, start: Doubles) -> tuple[Doubles, Doubles, npt.NDArray[np.bool_]]:
    """Return the searched and linear parameters of the least chi2, and whether it was reached."""
    searched = start.copy()
    best = solve(segments, searched)
    damping = np.full(len(searched), DAMPING)
    rows = np.arange(len(searched))
    for _ in range(STEPS):
        if not len(rows):
            break
        step = _step(best.gradient[rows], best.hessian[rows], damping[rows])
        tried = (searched[rows] + step).clip(LEAST, GREATEST)
        new = solve(segments.take(rows), tried)
        gain = best.chi2[rows] - new.chi2
        better = gain >= 0
        still = np.abs(tried - searched[rows]).max(axis=1) < 1e-6
        searched[rows[better]] = tried[better]
        for old, found in zip(best, new, strict=True):
            old[rows[better]] = found[better]
        damping[rows] *= np.where(better, LESS, MORE)
        rows = rows[np.where(better, gain > TOLERANCE * new.chi2, ~still)]
    converged = np.ones(len(searched), bool)
    converged[rows] = False
    return searched, best.linear, converged


def _step(gradient: Doubles, hessian: Doubles, damping: Doubles) -> Doubles:
    """Return the damped Gauss-Newton step; a parameter that changes nothing stays."""
    diagonal = np.einsum("nii->ni", hessian)
    added = np.where(diagonal > 0, damping[:, None] * diagonal, 1.0)
    damped = hessian + added[:, :, None] * np.eye(SEARCHED)
    return np.asarray(np.linalg.solve(damped, gradient[..., None])[..., 0])


def _read(
    segments: Segments, searched: Doubles, linear: Doubles, converged: npt.NDArray[np.bool_]
) -> LineFit:
    """Return what the parameters say of each line."""
    shape = len(searched), len(segments.lines.names)
    spread = covariance(segments, searched, linear)
    errors = np.sqrt(np.einsum("nii->ni", spread))
    fit = LineFit(
        searched,
        errors[:, :SEARCHED],
        scale=linear[:, segments.scale],
        area=np.zeros(shape),
        area_err=np.zeros(shape),
        level=np.zeros(shape),
        level_err=np.zeros(shape),
        chi2=np.zeros(shape),
        pixels=np.zeros(shape, np.int64),
        fitted=np.zeros(shape, bool),
        converged=converged,
    )
    for part in segments.parts:
        own = part.columns[: len(part.amplitudes)]
        fit.area[:, part.lines] = linear[:, own] @ part.amplitudes
        fit.area_err[:, part.lines] = errors[:, SEARCHED + own] @ part.amplitudes
        fit.fitted[:, part.lines] = part.fitted > 0
        _read_pixels(fit, part, segments, linear, spread)
    return fit


def _read_pixels(
    fit: LineFit, part: Segment, segments: Segments, linear: Doubles, spread: Doubles
) -> None:
    """Put in what a segment's pixels say: the level under each line, its own pixels and chi2."""
    shapes = profiles(part, segments.lines.balmer[part.lines], fit.searched)
    own, under = np.split(part.columns, [len(part.amplitudes)])
    background = (linear[:, None, under] @ part.backgrounds)[:, 0]
    area = linear[:, own] @ part.amplitudes
    residual = part.flux - background - (area[:, None] @ shapes.value)[:, 0]
    chi = (residual * part.weight) ** 2
    nearest = np.abs(shapes.distance).argmin(axis=2)
    terms = np.take_along_axis(part.backgrounds, nearest[:, None], axis=2)
    of_terms = spread[:, SEARCHED + under[:, None], SEARCHED + under]
    under_line = np.abs(np.arange(part.flux.shape[1]) - nearest[:, :, None])
    under_line = under_line <= segments.lines.level_reach
    mean = (under_line @ background[:, :, None])[:, :, 0] / under_line.sum(axis=2)
    fit.level[:, part.lines] = mean
    variance = np.einsum("nbk,nbc,nck->nk", terms, of_terms, terms)
    fit.level_err[:, part.lines] = np.sqrt(variance.clip(0))
    near = (np.abs(shapes.distance) <= OWN_WIDTHS) & (part.weight > 0)[:, None]
    fit.pixels[:, part.lines] = near.sum(axis=2)
    fit.chi2[:, part.lines] = (near * chi[:, None]).sum(axis=2)
