"""How everything that SDSS measured responds to a change of the basis.

A value v that depends on the continuum c by dv = g' dc, where c = M' theta is the weighted least
squares of templates and polynomials M, responds to a change dE of the templates by

    dv = sum over k of theta_k (dE_k . h) + u_k (dE_k . q),

    h = g - W M' N^-1 M g,   u = N^-1 M g,   q = W (flux - c),   N = M W M'.

Here E are spline coefficients, and h and q have been taken back to them by the transpose of the
broadening. The chi2 of a continuum responds by -2 theta_k (dE_k . q).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legvander
from scipy.sparse import csr_array

from galspec_spark.lines.continuum import POLYNOMIALS, alignment, kept_pixels
from galspec_spark.lines.linelist import line_lists, reductions_of
from galspec_spark.lines.templates import DISPERSIONS, TEMPLATES, Templates
from galspec_spark.lines.windows import cut, put
from galspec_spark.spectrum.arrays import Array, Doubles, Floats
from studies.basis.broadening import broadening, to_vectors
from studies.basis.joint import joint, reaches
from studies.basis.training import Training

#: Spectra whose joint fit is held in memory at once.
BATCH = 8
#: Dispersions at which chi2 is compared: SDSS's nearest of the grid, and its neighbours.
NEIGHBOURS = (-1, 0, 1)


@dataclass(frozen=True)
class Response:
    """Values of n spectra, and how they respond to the coefficients of a basis."""

    value: Doubles  #: (n, values) areas and levels of the lines, NaN where there is none
    chi2: Doubles  #: (n, 3) at NEIGHBOURS, NaN beyond the range
    theta: Doubles  #: (n, 3, TEMPLATES) at NEIGHBOURS
    q: Doubles  #: (n, 3, coefficients)
    u: Doubles  #: (n, values, TEMPLATES)
    h: Floats  #: (n, values, coefficients)

    def change(self, step: Doubles) -> tuple[Doubles, Doubles]:
        """Return the first-order change of values and chi2 by (TEMPLATES, coefficients)."""
        mixed, seen = self.theta @ step, self.q @ step.T
        value = (self.h @ mixed[:, 1, :, None].astype(np.float32))[..., 0]
        value = value + np.einsum("nvk,nk->nv", self.u, seen[:, 1])
        return value, -2 * np.einsum("nck,nck->nc", self.theta, seen)

    def change_back(self, value: Doubles, chi2: Doubles) -> Doubles:
        """Return the transpose of `change`, (TEMPLATES, coefficients)."""
        back = (value[:, None].astype(np.float32) @ self.h)[:, 0]
        step = self.theta[:, 1].T @ back
        weights = -2 * chi2[..., None] * self.theta
        weights[:, 1] += np.einsum("nvk,nv->nk", self.u, value)
        return np.asarray(step + np.tensordot(weights, self.q, axes=([0, 1], [0, 1])))


@dataclass(frozen=True)
class Frame:
    """Where the templates lie, and which lines are learned from."""

    loglam0: float
    pixels: int
    lines: tuple[str, ...]

    def templates(self, coefficients: Doubles) -> Templates:
        """Return the templates of coefficients (TEMPLATES, coefficients)."""
        vectors = to_vectors(coefficients, self.pixels)
        checksum = hashlib.sha256(vectors.tobytes()).hexdigest()  # templates are equal by it
        return Templates("learned", checksum, self.loglam0, vectors)


def respond(
    training: Training, coefficients: Doubles, frame: Frame, *, gradients: bool = True
) -> Response:
    """Evaluate a basis on n spectra, at SDSS's dispersions, shifts and widths."""
    n, lines = len(training), len(frame.lines)
    shape = n, len(NEIGHBOURS), TEMPLATES
    values = 2 * lines if gradients else 0
    response = Response(
        value=np.full((n, 2 * lines), np.nan),
        chi2=np.full(shape[:2], np.nan),
        theta=np.zeros(shape),
        q=np.zeros((*shape[:2], coefficients.shape[1])),
        u=np.zeros((n, values, TEMPLATES)),
        h=np.zeros((n, values, coefficients.shape[1]), np.float32),
    )
    fits = _Fits(training, coefficients, frame)
    names = np.array([reductions_of(run2d) for run2d in training.run2d])
    reach = reaches(training.searched)
    for name, far in sorted(set(zip(names.tolist(), reach.tolist(), strict=True))):
        rows = np.flatnonzero((names == name) & (reach == far))
        for batch in np.split(rows, range(BATCH, len(rows), BATCH)):
            _respond(response, fits, batch, name, far)
    return response


def _respond(
    response: Response, fits: _Fits, rows: npt.NDArray[np.intp], name: str, reach: int
) -> None:
    """Put in the responses of spectra with one list of lines and one reach."""
    training, frame, lines = fits.training, fits.frame, line_lists()[name]
    stars = [fits.at(row, 0) for row in rows]
    continuum = np.stack([fit.continuum for fit in stars])
    own = [index for index, line in enumerate(frame.lines) if line in lines.names]
    found = joint(
        training.spectra.take(rows),
        put(continuum, fits.start[rows], training.spectra.flux.shape[1]),
        lines,
        training.searched[rows],
        reach,
        wanted=np.array([lines.names.index(frame.lines[index]) for index in own]),
        gradients=bool(response.u.size),
    )
    columns = np.array([*own, *(index + len(frame.lines) for index in own)])
    response.value[rows[:, None], columns] = found.value
    for number, (row, fit) in enumerate(zip(rows, stars, strict=True)):
        if found.gradient is not None:
            start = np.full(len(columns), fits.start[row])
            gradient = cut(found.gradient[number], start, frame.pixels - 1)
            response.u[row, columns], response.h[row, columns] = fit.back(gradient)
        for index, neighbour in enumerate(NEIGHBOURS):
            if 0 <= fits.dispersion[row] + neighbour < len(DISPERSIONS):
                other = fits.at(row, neighbour) if neighbour else fit
                response.chi2[row, index] = other.chi2
                response.theta[row, index], response.q[row, index] = other.theta, other.q


class _Fits:
    """Fits of continua at given dispersions."""

    def __init__(self, training: Training, coefficients: Doubles, frame: Frame) -> None:
        self.training, self.coefficients, self.frame = training, coefficients, frame
        spectra, width = training.spectra, frame.pixels - 1
        self.start, self.phase = alignment(spectra.loglam0, frame.loglam0)
        self.flux = cut(spectra.flux, self.start, width)
        self.ivar = cut(spectra.ivar, self.start, width)
        stars = frame.templates(coefficients)
        for phase in np.unique(self.phase):
            self.ivar[self.phase == phase] *= kept_pixels(stars, int(phase))
        step = DISPERSIONS[1] - DISPERSIONS[0]
        self.dispersion = np.rint(training.dispersion / step).astype(np.int64)

    def at(self, row: int, neighbour: int) -> _Fit:
        """Fit one spectrum at SDSS's dispersion or a neighbour of it."""
        dispersion = int(self.dispersion[row]) + neighbour
        broaden = broadening(self.frame.pixels, dispersion, int(self.phase[row]))
        return _Fit(broaden, self.coefficients, self.flux[row], self.ivar[row])


class _Fit:
    """The fit of one continuum at one dispersion."""

    def __init__(
        self, broaden: csr_array, coefficients: Doubles, flux: Doubles, ivar: Doubles
    ) -> None:
        self.broaden = broaden
        terms = np.concatenate([broaden @ coefficients.T, _polynomials(len(flux))], axis=1)
        self.length = np.sqrt(np.einsum("pt,pt->t", terms, terms))
        self.terms = terms / self.length
        self.weighted = self.terms * ivar[:, None]
        self.inverse = np.linalg.inv(self.weighted.T @ self.terms)
        unit = self.inverse @ (self.weighted.T @ flux)
        self.theta = (unit / self.length)[:TEMPLATES]
        self.continuum = self.terms @ unit
        residual = ivar * (flux - self.continuum)
        self.chi2 = float(residual @ (flux - self.continuum))
        self.q = broaden.T @ residual

    def back(self, gradient: Array) -> tuple[Doubles, Doubles]:
        """Return u (values, TEMPLATES) and h (values, coefficients) of (values, pixels)."""
        unit = (gradient @ self.terms) @ self.inverse
        h = gradient - unit @ self.weighted.T
        return (unit / self.length)[:, :TEMPLATES], np.asarray(self.broaden.T @ h.T).T


@cache
def _polynomials(pixels: int) -> Doubles:
    return np.asarray(legvander(np.linspace(-1, 1, pixels), POLYNOMIALS - 1))
