"""Which components, and which wavelengths, a classifier looks at."""

from __future__ import annotations

from typing import Any

import numpy as np

from galspec_spark.ml.components import Doubles


def best_components(importance: Doubles, count: int) -> list[int]:
    """Return the indices of the most important components, most important first; ties by index."""
    return [int(i) for i in np.argsort(-importance, kind="stable")[:count]]


def component_weights(model: Any, components: list[int], k: int) -> tuple[Doubles, bool]:
    """Return what a trained classifier gives each of k components, 0 for those it was not given.

    Returns
    -------
    weights : float64 (k,)
        Coefficients of the raw components (MLlib gives them in the features' own scale even where
        it standardises), or a forest's importances by its impurity, which sum to 1.
    linear : bool
        Whether they are coefficients.
    """
    linear = hasattr(model, "coefficients")
    values = model.coefficients if linear else model.featureImportances
    weights = np.zeros(k)
    weights[components] = values.toArray()
    return weights, linear


def wavelength_importance(
    components: Doubles, variances: Doubles, weights: Doubles, linear: bool
) -> Doubles:
    """Return how much each pixel of a spectrum weighs in the decision; sums to 1.

    Parameters
    ----------
    components
        Unit vectors e_k, shape (k, pixels).
    variances
        Variance v_k of each component's coefficient, in any unit, shape (k,).
    weights, linear
        From `component_weights`.

    Notes
    -----
    A linear model decides by ``sum_k w_k (e_k . flux)``, which is ``(sum_k w_k e_k) . flux``. The
    importance of a pixel is how far it moves the decision when it changes by its own standard
    deviation, ``|sum_k w_k e_k(lambda)| sqrt(sum_k v_k e_k(lambda)^2)``: a large coefficient of a
    pixel that never changes is of no importance. A forest
    has no sign: each component's importance is spread by the share ``e_k(lambda)^2`` that the pixel
    has in it, ``sum_k importance_k e_k(lambda)^2``.
    """
    if linear:
        importance = np.abs(weights @ components) * np.sqrt(variances @ components**2)
    else:
        importance = weights @ components**2
    total = importance.sum()
    # A model that learnt nothing weighs all pixels alike.
    uniform = np.full(components.shape[1], 1 / components.shape[1])
    return importance / total if total > 0 else uniform
