"""Fits of linear classifiers of two classes in numpy, of the objectives of Spark's estimators.

Spark scales each feature by its standard deviation and minimises the mean loss of the margins plus
``regParam (elasticNetParam |b|_1 + (1 - elasticNetParam) / 2 |b|_2^2)``, where b are the
coefficients of the scaled features, or, without ``standardization``, those of the features
themselves. The intercept is free. (org.apache.spark.ml.classification, LogisticRegression and
LinearSVC.) Spark stops at ``tol`` or ``maxIter``; these fits go on to the minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from galspec_spark.ml.classifiers.kind import Labels, Params
from galspec_spark.ml.classifiers.linear import Linear
from galspec_spark.spectrum.arrays import Doubles

#: Newton steps, at most, and the decrease of the objective that ends them.
STEPS, DECREASE = 200, 1e-13
#: The decrease that ends the steps to a minimum from which others start.
ROUGHLY = 1e-8
#: Widths of the smoothed corner of the hinge, falling: the last raises the loss by 1.3e-6 at most.
CORNERS = 5.0 ** -np.arange(9)
#: Keeps the equations solvable where the loss is flat, in units of the greatest curvature.
TINY = 1e-12
#: With 20 features 320 KB.
BLOCK_ROWS = 2000

#: From margins (n,) to the loss, its slope and its curvature (n,) of each row.
Loss = Callable[[Doubles], tuple[Doubles, Doubles, Doubles]]


@dataclass(frozen=True)
class Scaled:
    """Features as a fit sees them, and the way back."""

    design: Doubles  #: (n, d) centred and divided, with ones at last if there is an intercept
    ridge: Doubles  #: (d,) weight of half the square of each coefficient
    lasso: Doubles  #: (d,) weight of the absolute value of each coefficient
    varies: npt.NDArray[np.bool_]  #: which features do; Spark gives the others the coefficient 0
    scale: Doubles  #: of those that vary
    centre: Doubles  #: likewise

    @classmethod
    def of(cls, features: Doubles, params: Params) -> Scaled:
        """Scale features (n, k)."""
        deviation = _deviation(features)
        varies = deviation > 0
        scale = deviation[varies]
        intercept = params["fitIntercept"]
        centre = features.mean(axis=0)[varies] if intercept else np.zeros(len(scale))
        design = np.ones((len(features), len(scale) + intercept))
        of_features = design[:, : len(scale)]  # in place: all of them take memory
        np.subtract(features if varies.all() else features[:, varies], centre, out=of_features)
        of_features /= scale
        own = np.ones_like(scale) if params["standardization"] else 1 / scale
        share = params.get("elasticNetParam", 0.0)
        ridge = np.asarray(params["regParam"] * (1 - share) * own**2, np.float64)
        lasso = np.asarray(params["regParam"] * share * own, np.float64)
        if intercept:
            ridge, lasso = np.append(ridge, 0.0), np.append(lasso, 0.0)
        return cls(design, ridge, lasso, varies, scale, centre)

    def restored(self, point: Doubles) -> tuple[Doubles, float]:
        """Return the coefficients (k,) of the features themselves, and the intercept."""
        weights = np.zeros(len(self.varies))
        weights[self.varies] = point[: len(self.scale)] / self.scale
        intercept = float(point[-1]) if len(point) > len(self.scale) else 0.0
        return weights, intercept - float(weights[self.varies] @ self.centre)


@dataclass(frozen=True)
class Problem:
    """What is minimised: mean loss and penalties of the coefficients of scaled features."""

    #: (n, d) features, centred and with ones at last if there is an intercept; of class 0 negated
    design: Doubles
    ridge: Doubles  #: (d,) weight of half the square of each coefficient
    lasso: Doubles  #: (d,) weight of the absolute value of each coefficient

    def objective(self, loss: Loss, margin: Doubles, point: Doubles) -> float:
        """Return what is minimised at a point, which has the margins (n,)."""
        values, _, _ = loss(margin)
        return float(values.mean() + self.ridge @ point**2 / 2 + self.lasso @ np.abs(point))


def is_plain(params: Params) -> bool:
    """Return whether a fit has no weights, bounds or thresholds."""
    unusual = ("weightCol", "lowerBoundsOnCoefficients", "upperBoundsOnCoefficients",
               "lowerBoundsOnIntercepts", "upperBoundsOnIntercepts", "thresholds")  # fmt: skip
    return not any(params.get(name) for name in unusual)


def fit_logistic(features: Doubles, labels: Labels, params: Params) -> Linear:
    """Fit a logistic regression to features (n, k) and labels (n,)."""
    scaled = Scaled.of(features, params)
    problem = _problem(scaled, labels)
    point = _minimise(problem, logistic_loss, np.zeros(problem.design.shape[1]))
    return Linear(*scaled.restored(point), is_logistic=True)


def fit_hinge(features: Doubles, labels: Labels, params: Params) -> Linear:
    """Fit a support vector machine to features (n, k) and labels (n,).

    The corner of the hinge is smoothed, less and less, from one minimum to the next.
    """
    scaled = Scaled.of(features, params)
    problem = _problem(scaled, labels)
    point = np.zeros(problem.design.shape[1])
    for corner in CORNERS[:-1]:
        point = _minimise(problem, smooth_hinge(corner), point, ROUGHLY)
    point = _minimise(problem, smooth_hinge(CORNERS[-1]), point)
    return Linear(*scaled.restored(point), is_logistic=False)


def logistic_loss(margin: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Return log(1 + exp(-margin)) with its slope and curvature."""
    probability = expit(-margin)
    return np.logaddexp(0, -margin), -probability, probability * (1 - probability)


def smooth_hinge(corner: float) -> Loss:
    """Return max(0, 1 - margin), with a parabola of some width in the place of its corner."""

    def loss(margin: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        short = 1 - margin
        inside = np.clip(short, 0, corner)
        curvature = ((short > 0) & (short < corner)) / corner
        return inside**2 / (2 * corner) + np.maximum(short - corner, 0), -inside / corner, curvature

    return loss


def _problem(scaled: Scaled, labels: Labels) -> Problem:
    """Return what to minimise for labels 0 and 1."""
    design = scaled.design
    design *= np.where(labels == 1, 1.0, -1.0)[:, None]  # in place: it is used nowhere else
    return Problem(design, scaled.ridge, scaled.lasso)


def _minimise(problem: Problem, loss: Loss, point: Doubles, decrease: float = DECREASE) -> Doubles:
    """Return the minimum by Newton's method, each step along a line that falls."""
    n = len(problem.design)
    margin = problem.design @ point
    best = problem.objective(loss, margin, point)
    for _ in range(STEPS):
        _, slope, curvature = loss(margin)
        gradient = slope @ problem.design / n + problem.ridge * point
        matrix = _curvature(problem.design, curvature) / n
        matrix += np.diag(problem.ridge + TINY * (1 + matrix.diagonal().max()))
        step = _step(matrix, gradient, point, problem.lasso)
        along, before = problem.design @ step, best
        for length in 0.5 ** np.arange(40):
            found = problem.objective(loss, margin + length * along, point + length * step)
            if found < best:
                point, margin, best = point + length * step, margin + length * along, found
                break
        if before - best <= decrease * max(1.0, abs(best)):
            break
    return point


def _deviation(features: Doubles) -> Doubles:
    """Return the standard deviation of each column, without a copy of all of them."""
    mean, squares = features.mean(axis=0), np.zeros(features.shape[1])
    for rows in _in_blocks(features):
        squares += np.square(rows - mean).sum(axis=0)
    return np.asarray(np.sqrt(squares / (len(features) - 1)))


def _in_blocks(rows: Doubles) -> list[Doubles]:
    """Divide rows into blocks that stay in a core's cache."""
    return [rows[first : first + BLOCK_ROWS] for first in range(0, len(rows), BLOCK_ROWS)]


def _curvature(design: Doubles, weight: Doubles) -> Doubles:
    """Return the weighted products of the columns (d, d); few rows have a weight near a hinge."""
    curved = np.flatnonzero(weight)
    if len(curved) < len(design):
        design, weight = design[curved], weight[curved]
    total = np.zeros((design.shape[1], design.shape[1]))
    for rows, weights in zip(_in_blocks(design), _in_blocks(weight), strict=True):
        total += rows.T @ (weights[:, None] * rows)
    return total


def _step(matrix: Doubles, gradient: Doubles, point: Doubles, lasso: Doubles) -> Doubles:
    """Return the step to the minimum of the parabola through a point, with absolute values."""
    if not lasso.any():
        return np.asarray(np.linalg.solve(matrix, -gradient))
    target = point.copy()
    for _ in range(1000):  # one coefficient after another
        change = 0.0
        for j, weight in enumerate(lasso):
            slope = gradient[j] + matrix[j] @ (target - point)
            free = target[j] - slope / matrix[j, j]
            new = np.sign(free) * max(abs(free) - weight / matrix[j, j], 0.0)
            change, target[j] = max(change, abs(new - target[j])), new
        if change < 1e-14 * (1 + np.abs(target).max()):
            break
    return target - point
