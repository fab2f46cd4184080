"""Gauss and Newton on the basis: steps that bring our values to SDSS's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse.linalg import LinearOperator, lsmr

from galspec_spark.errors import UserError
from galspec_spark.lines.templates import TEMPLATES
from galspec_spark.spectrum.arrays import Doubles
from studies.basis.response import Frame, Response, respond
from studies.basis.targets import Targets, Tolerances, targets
from studies.basis.training import Training

log = logging.getLogger(__name__)

#: Share of a step that is tried next, and how often, where the whole of it does not help.
SHORTER, TRIES = 0.5, 4


@dataclass(frozen=True)
class Effort:
    """How hard a basis is learned."""

    iterations: int = 7
    searches: int = 100  #: iterations of the least squares of each
    damping: float = 10.0  #: of these: weight of a step's size against weighted residuals
    smoothing: float = 3.0  #: over which a change of the basis is smooth, in spline coefficients


class Learned(NamedTuple):
    """A basis after some iterations."""

    coefficients: Doubles  #: (TEMPLATES, coefficients)
    residual: float  #: root mean square of the weighted residuals


def learn(
    training: Training, start: Doubles, frame: Frame, tolerances: Tolerances, effort: Effort
) -> Iterator[Learned]:
    """Yield ever better coefficients of a basis, first those of the start.

    Parameters
    ----------
    training
        Spectra to learn from.
    start
        Shape (TEMPLATES, coefficients).
    frame
        Where the templates lie, and which lines are learned from.
    tolerances
        What is close to SDSS's values.
    effort
        When to stop; learning also stops where no step lowers the residual.

    Raises
    ------
    UserError
        If there are less spectra than templates.
    """
    if len(training) < TEMPLATES:
        raise UserError(f"{len(training)} spectra are too few to learn {TEMPLATES} templates from")
    wanted = targets(training, frame, tolerances)
    coefficients, found = start, respond(training, start, frame, gradients=False)
    residual = wanted.mean_residual(found)
    yield Learned(coefficients, residual)
    for iteration in range(1, effort.iterations + 1):
        coefficients = whitened(training, coefficients, found)
        step = _step(wanted, respond(training, coefficients, frame), effort)
        for _ in range(TRIES):
            found = respond(training, coefficients + step, frame, gradients=False)
            if wanted.mean_residual(found) < residual:
                break
            step = SHORTER * step
        else:
            return
        coefficients, residual = coefficients + step, wanted.mean_residual(found)
        log.info("iteration %d of %d: residual %.4f", iteration, effort.iterations, residual)
        yield Learned(coefficients, residual)


def whitened(training: Training, coefficients: Doubles, found: Response) -> Doubles:
    """Return combinations of a basis in which spectra of unit flux have coefficients of variance 1.

    The size of a step is then the mean square of what it changes in the continua. In the raw
    components a step is least where theta is greatest, which is where noise decides theta, and the
    second order spoils the step.
    """
    theta = found.theta[:, 1] / np.nanmedian(np.abs(training.level), axis=1, keepdims=True)
    return np.asarray(np.linalg.cholesky(theta.T @ theta / len(theta)).T @ coefficients)


def principal(whitened_coefficients: Doubles) -> Doubles:
    """Return combinations of whitened coefficients that are orthonormal, by what they explain."""
    return np.asarray(np.linalg.svd(whitened_coefficients, full_matrices=False)[2])


def _step(wanted: Targets, response: Response, effort: Effort) -> Doubles:
    """Return the damped least squares of the linear problem, (TEMPLATES, coefficients)."""
    shape = response.theta.shape[2], response.q.shape[2]
    value, chi2 = wanted.residual(response)

    def smooth(step: Doubles) -> Doubles:
        """Smooth along wavelength; this is its own transpose."""
        return np.asarray(gaussian_filter1d(step, effort.smoothing, axis=1, mode="constant"))

    def forward(step: Doubles) -> Doubles:
        of_value, of_chi2 = response.change(smooth(step.reshape(shape)))
        weighted = of_value * wanted.value_weight, of_chi2 * wanted.chi2_weight
        return np.concatenate([part.ravel() for part in weighted])

    def backward(weighted: Doubles) -> Doubles:
        of_value, of_chi2 = np.split(weighted, [value.size])
        back = response.change_back(
            of_value.reshape(value.shape) * wanted.value_weight,
            of_chi2.reshape(chi2.shape) * wanted.chi2_weight,
        )
        return smooth(back).ravel()

    size = value.size + chi2.size, shape[0] * shape[1]
    operator = LinearOperator(size, matvec=forward, rmatvec=backward, dtype=np.float64)
    residual = np.concatenate([value.ravel(), chi2.ravel()])
    found = lsmr(operator, -residual, damp=effort.damping, maxiter=effort.searches)
    return smooth(found[0].reshape(shape))
