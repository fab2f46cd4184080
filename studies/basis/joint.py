"""What SDSS's lines say of the continuum under them: areas and levels, and their gradients.

Redshift and widths are held at SDSS's, so that amplitudes, the continuum's scale and backgrounds
are one linear fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.backgrounds import Coverage, cover
from galspec_spark.lines.joint_fit import REACHES, SEEN_WIDTHS
from galspec_spark.lines.linelist import LineList
from galspec_spark.lines.normal import profiles, unit_diagonal
from galspec_spark.lines.segments import cut_segments
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.windows import put
from galspec_spark.spectrum.arrays import Doubles


class Joint(NamedTuple):
    """Values of n spectra that follow from the continuum, areas first and then levels."""

    value: Doubles  #: (n, 2 wanted), flux times pixels and flux
    gradient: Doubles | None  #: (n, 2 wanted, pixels) by the continuum


def reaches(searched: Doubles) -> npt.NDArray[np.int64]:
    """Return how far to either side of its lines each spectrum is fitted, in pixels, (n,)."""
    needed = SEEN_WIDTHS * searched[:, 1:].max(axis=1)
    wider = np.searchsorted(REACHES, needed).clip(max=len(REACHES) - 1)
    return np.asarray(np.asarray(REACHES)[wider], np.int64)


def joint(
    spectra: Spectra,
    continuum: Doubles,
    lines: LineList,
    searched: Doubles,
    reach: int,
    *,
    wanted: npt.NDArray[np.intp],
    gradients: bool,
) -> Joint:
    """Solve the joint fit of n spectra at held shifts and widths, and differentiate it.

    Parameters
    ----------
    spectra
        n spectra.
    continuum
        Shape (n, pixels), 0 outside the templates.
    lines
        Lines that are fitted.
    searched
        Shape (n, 3): shift and widths, in pixels.
    reach
        Pixels to either side of a line that are looked at.
    wanted
        Which of the lines' values are returned.
    gradients
        Whether gradients are.
    """
    coverage = cover(spectra.ivar, continuum, spectra.centres(lines))
    design, amplitudes, scale = _design(spectra, continuum, coverage, lines, searched, reach)
    amplitudes = amplitudes[wanted]
    ivar = np.where(coverage.used, spectra.ivar, 0)
    weighted = design * ivar[:, None]
    scaled, length = unit_diagonal(weighted @ design.transpose(0, 2, 1))
    inverse = np.linalg.inv(scaled) / length[:, :, None] / length[:, None]
    linear = (inverse @ (weighted @ spectra.flux[..., None]))[..., 0]
    factor = linear[:, scale]
    centres = spectra.centres(lines)[:, wanted] + searched[:, :1]
    under = _under_lines(centres, lines.level_reach, spectra.flux.shape[1])
    mean = (under @ coverage.continuum[..., None])[..., 0]
    value = np.concatenate([linear @ amplitudes.T, factor[:, None] * mean], axis=1)
    if not gradients:
        return Joint(value, None)
    residual = ivar * (spectra.flux - (linear[:, None] @ design)[:, 0])
    chosen = np.concatenate([amplitudes, np.eye(design.shape[1])[[scale]]]) @ inverse
    gradient = chosen[:, :, scale, None] * residual[:, None]
    gradient -= factor[:, None, None] * (chosen @ weighted)
    of_area, of_scale = gradient[:, :-1], gradient[:, -1:]
    of_level = mean[..., None] * of_scale + factor[:, None, None] * under
    gradient = np.concatenate([of_area, of_level], axis=1)
    return Joint(value, gradient * (coverage.continuum != 0)[:, None])


def _design(
    spectra: Spectra,
    continuum: Doubles,
    coverage: Coverage,
    lines: LineList,
    searched: Doubles,
    reach: int,
) -> tuple[Doubles, Doubles, int]:
    """Return the terms of the fit (n, columns, pixels), lines' shares in them, and the scale's."""
    segments = cut_segments(spectra, continuum, lines, reach)
    first = spectra.centres(lines)
    n, pixels = continuum.shape
    design = np.zeros((n, segments.columns, pixels))
    design[:, segments.scale] = coverage.continuum
    amplitudes = np.zeros((len(lines.names), segments.columns))
    for part in segments.parts:
        shapes = profiles(part, lines.balmer[part.lines], searched)
        terms = np.concatenate([part.amplitudes @ shapes.value, part.backgrounds], axis=1)
        start = np.rint(first[:, part.lines[0]] + part.place[:, 0]).astype(np.int64)
        for column, term in zip(part.columns, terms.swapaxes(0, 1), strict=True):
            if column != segments.scale:
                design[:, column] += put(term, start, pixels)
        own = part.columns[: len(part.amplitudes)]
        amplitudes[part.lines[:, None], own] = part.amplitudes.T
    return design, amplitudes, segments.scale


def _under_lines(centres: Doubles, reach: int, pixels: int) -> Doubles:
    """Return the weights of pixels in the mean under each line, (n, lines, pixels)."""
    first = np.rint(centres).astype(np.int64) - reach
    weights = np.full((len(centres), 2 * reach + 1), 1 / (2 * reach + 1))
    return np.stack([put(weights, start, pixels) for start in first.T], axis=1)
