"""Normal equations of the joint fit: linear parameters solved exactly, the others' derivatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from galspec_spark.lines.segments import Segment, Segments
from galspec_spark.spectrum.arrays import Doubles

Bools = npt.NDArray[np.bool_]

#: Parameters that are searched: shift, width of the Balmer lines, width of the others; in pixels.
SEARCHED = 3
#: A profile lower than this, of a height of 1, is 0: 10 widths from the centre.
LEAST = np.exp(-50)
#: Added to the diagonal, 1, of scaled matrices, so that lines on top of one another can be solved.
RIDGE = 1e-12


class Solution(NamedTuple):
    """The best linear parameters for given searched ones, of n spectra."""

    linear: Doubles  #: (n, columns)
    chi2: Doubles  #: (n,)
    gradient: Doubles  #: (n, 3) downhill, of chi2 / 2 over the searched parameters
    hessian: Doubles  #: (n, 3, 3) of the same, as Gauss and Newton approximate it


class Profiles(NamedTuple):
    """Lines of a segment, of unit area in pixels."""

    value: Doubles  #: (n, k, pixels)
    distance: Doubles  #: (n, k, pixels) from the centre, in widths
    width: Doubles  #: (n, k, 1)


def profiles(part: Segment, balmer: Bools, searched: Doubles) -> Profiles:
    """Return the profiles of a segment's lines."""
    width = np.where(balmer, searched[:, 1:2], searched[:, 2:])[:, :, None]
    distance = part.place[:, None] - (part.centres + searched[:, :1])[:, :, None]
    distance /= width
    value = distance * distance
    value *= -0.5
    np.exp(value, out=value)
    value *= value > LEAST
    value *= part.fitted[:, :, None] / (np.sqrt(2 * np.pi) * width)
    return Profiles(value, distance, width)


def solve(segments: Segments, searched: Doubles) -> Solution:
    """Solve for the linear parameters, and differentiate what is left."""
    n, columns = len(searched), segments.columns
    matrix, vector = np.zeros((n, columns, columns)), np.zeros((n, columns))
    scale = segments.scale
    matrix[:, scale, scale], vector[:, scale] = segments.power[:, 0], segments.power[:, 1]
    power = segments.power[:, 2].copy()
    seen = []
    for part in segments.parts:
        shapes = profiles(part, segments.lines.balmer[part.lines], searched)
        terms = _terms(part, shapes)
        flux = part.flux * part.weight
        matrix[:, part.columns[:, None], part.columns] += terms @ terms.transpose(0, 2, 1)
        vector[:, part.columns] += (terms @ flux[..., None])[..., 0]
        power += np.einsum("np,np->n", flux, flux)
        seen.append((part, shapes, terms, flux))
    scaled, length = unit_diagonal(matrix)
    linear = np.linalg.solve(scaled, (vector / length)[..., None])[..., 0] / length
    chi2 = power - np.einsum("nc,nc->n", linear, vector)

    mixed, hessian = np.zeros((n, columns, SEARCHED)), np.zeros((n, SEARCHED, SEARCHED))
    gradient = np.zeros((n, SEARCHED))
    for part, shapes, terms, flux in seen:
        slopes = _slopes(part, shapes, segments.lines.balmer[part.lines], linear)
        residual = flux - (linear[:, None, part.columns] @ terms)[:, 0]
        mixed[:, part.columns] += terms @ slopes.transpose(0, 2, 1)
        hessian += slopes @ slopes.transpose(0, 2, 1)
        gradient += (slopes @ residual[..., None])[..., 0]
    followed = np.linalg.solve(scaled, mixed / length[:, :, None]) / length[:, :, None]
    return Solution(linear, chi2, gradient, hessian - mixed.transpose(0, 2, 1) @ followed)


def covariance(segments: Segments, searched: Doubles, linear: Doubles) -> Doubles:
    """Return the formal covariance of searched and linear parameters, in this order."""
    size = SEARCHED + segments.columns
    matrix = np.zeros((len(searched), size, size))
    scale = SEARCHED + segments.scale
    matrix[:, scale, scale] = segments.power[:, 0]
    for part in segments.parts:
        balmer = segments.lines.balmer[part.lines]
        shapes = profiles(part, balmer, searched)
        slopes = _slopes(part, shapes, balmer, linear)
        terms = np.concatenate([slopes, _terms(part, shapes)], axis=1)
        columns = np.concatenate([np.arange(SEARCHED), SEARCHED + part.columns])
        matrix[:, columns[:, None], columns] += terms @ terms.transpose(0, 2, 1)
    scaled, length = unit_diagonal(matrix)
    return np.linalg.inv(scaled) / length[:, :, None] / length[:, None]


def _terms(part: Segment, shapes: Profiles) -> Doubles:
    """Return the weighted linear terms of a segment, (n, columns, pixels)."""
    terms = np.concatenate([part.amplitudes @ shapes.value, part.backgrounds], axis=1)
    terms *= part.weight[:, None]
    return terms


def _slopes(part: Segment, shapes: Profiles, balmer: Bools, linear: Doubles) -> Doubles:
    """Return the weighted derivatives by the searched parameters, (n, 3, pixels)."""
    amplitude = linear[:, part.columns[: len(part.amplitudes)]] @ part.amplitudes
    factor = amplitude / shapes.width[:, :, 0]
    sloped = shapes.value * shapes.distance
    by_shift = factor[:, None] @ sloped
    sloped *= shapes.distance
    sloped -= shapes.value
    by_widths = (factor[:, None] * np.stack([balmer, ~balmer])) @ sloped
    slopes = np.concatenate([by_shift, by_widths], axis=1)
    slopes *= part.weight[:, None]
    return slopes


def unit_diagonal(matrix: Doubles) -> tuple[Doubles, Doubles]:
    """Scale symmetric matrices to a diagonal of 1; a parameter without data stays at 0."""
    diagonal = np.einsum("nii->ni", matrix)
    empty = diagonal <= 0
    length = np.sqrt(np.where(empty, 1, diagonal))
    scaled = matrix / length[:, :, None] / length[:, None]
    return scaled + (empty + RIDGE)[:, :, None] * np.eye(matrix.shape[1]), length
