"""Common code of the linear classifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from galspec_spark.ml.classifiers.kind import Integers, logistic
from galspec_spark.spectrum.arrays import Doubles


@dataclass(frozen=True)
class Linear:
    """A weighted sum of features, or its logistic function."""

    weights: Doubles  #: (k,)
    intercept: float
    is_logistic: bool

    def score(self, features: Doubles) -> Doubles:
        """Return the probability of AGN, or the margin, of features (n, k)."""
        margin = features @ self.weights + self.intercept
        return logistic(margin) if self.is_logistic else margin

    def of_columns(self, columns: Integers, k: int) -> Linear:
        """Return this classifier as a function of k features, of which it uses `columns`."""
        weights = np.zeros(k)
        weights[columns] = self.weights
        return replace(self, weights=weights)


def coefficients(model: Any) -> Doubles:
    """Return the weights of a fitted model.

    MLlib gives them on the features' own scale even if it standardises.
    """
    return np.asarray(model.coefficients.toArray())
