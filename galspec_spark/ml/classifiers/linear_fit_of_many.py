"""Fits of linear classifiers of more than two classes in numpy, of Spark's objectives.

Logistic regression: each class has coefficients of its own, none is the pivot, and the loss is
``log(sum of exp(margins)) - margin of the own class``. Scales and penalties are those of two
classes (`galspec_spark.ml.classifiers.linear_fit`). Adding one number to the intercepts of all
classes changes nothing, so Spark gives those of mean 0, and without a penalty likewise the
coefficients. Support vector machine: one machine for each class, against all others
(org.apache.spark.ml.classification, LogisticRegression and OneVsRest).
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax

from galspec_spark.ml.classifiers.kind import Labels, Params
from galspec_spark.ml.classifiers.linear import LinearOfMany
from galspec_spark.ml.classifiers.linear_fit import DECREASE, STEPS, TINY, Scaled, fit_hinge
from galspec_spark.spectrum.arrays import Doubles


def fit_softmax(features: Doubles, labels: Labels, params: Params, k: int) -> LinearOfMany:
    """Fit a logistic regression of k classes to features (n, d) and labels (n,).

    A penalty of absolute values, which has no gradient at 0, is none of this.
    """
    scaled = Scaled.of(features, params)
    points = _minimise(scaled.design, np.eye(k)[labels], scaled.ridge)
    coefficients, intercepts = map(np.array, zip(*map(scaled.restored, points), strict=True))
    if params["regParam"] == 0:
        coefficients = coefficients - coefficients.mean(axis=0)
    if params["fitIntercept"]:
        intercepts = intercepts - intercepts.mean()
    return LinearOfMany(coefficients, intercepts, is_softmax=True)


def fit_hinges(features: Doubles, labels: Labels, params: Params, k: int) -> LinearOfMany:
    """Fit k support vector machines, each of a class against the rest."""
    each = [fit_hinge(features, (labels == label).astype(np.int32), params) for label in range(k)]
    return LinearOfMany(
        np.stack([one.weights for one in each]),
        np.array([one.intercept for one in each]),
        is_softmax=False,
    )


def _minimise(design: Doubles, own: Doubles, ridge: Doubles) -> Doubles:
    """Return the minimum (k, d) by Newton's method, each step along a line that falls.

    Parameters
    ----------
    design, own
        Shapes (n, d) and (n, k): 1 at the class of a row, else 0.
    """
    n, d = design.shape
    k = own.shape[1]
    point, margins = np.zeros((k, d)), np.zeros((n, k))

    def objective(margins: Doubles, point: Doubles) -> float:
        loss = logsumexp(margins, axis=1) - (margins * own).sum(axis=1)
        return float(loss.mean() + (point**2 @ ridge).sum() / 2)

    best = objective(margins, point)
    for _ in range(STEPS):
        probability = softmax(margins, axis=1)
        gradient = (probability - own).T @ design / n + ridge * point
        matrix = _curvature(design, probability)
        matrix += np.diag(np.tile(ridge, k) + TINY * (1 + matrix.diagonal().max()))
        step = np.linalg.solve(matrix, -gradient.ravel()).reshape(k, d)
        along, before = design @ step.T, best
        for length in 0.5 ** np.arange(40):
            found = objective(margins + length * along, point + length * step)
            if found < best:
                point, margins, best = point + length * step, margins + length * along, found
                break
        if before - best <= DECREASE * max(1.0, abs(best)):
            break
    return point


def _curvature(design: Doubles, probability: Doubles) -> Doubles:
    """Return the second derivatives of the mean loss, (k d, k d)."""
    n, d = design.shape
    k = probability.shape[1]
    matrix = np.empty((k, d, k, d))
    for a in range(k):
        for b in range(a + 1):
            weight = probability[:, a] * ((a == b) - probability[:, b]) / n
            block = design.T @ (weight[:, None] * design)
            matrix[a, :, b], matrix[b, :, a] = block, block.T
    return matrix.reshape(k * d, k * d)
