"""The linear classifiers as numbers, of two classes and of more."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import softmax

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


@dataclass(frozen=True)
class LinearOfMany:
    """A weighted sum of features for each of k classes, or the softmax of these sums."""

    coefficients: Doubles  #: (k, d)
    intercepts: Doubles  #: (k,)
    is_softmax: bool

    @property
    def weights(self) -> Doubles:
        """The coefficients of AGN, (d,)."""
        return np.asarray(self.coefficients[-1])

    def score(self, features: Doubles) -> Doubles:
        """Return the probabilities of the classes, or their margins, (n, k), of features (n, d)."""
        margins = features @ self.coefficients.T + self.intercepts
        return np.asarray(softmax(margins, axis=1)) if self.is_softmax else margins

    def of_columns(self, columns: Integers, d: int) -> LinearOfMany:
        """Return this classifier as a function of d features, of which it uses `columns`."""
        coefficients = np.zeros((len(self.intercepts), d))
        coefficients[:, columns] = self.coefficients
        return replace(self, coefficients=coefficients)


def java() -> Any:
    """Return Spark's Java, by which native models are made."""
    return pkgutil.resolve_name("pyspark.SparkContext")._active_spark_context._jvm


def java_doubles(values: Sequence[float] | Doubles) -> Any:
    """Return numbers as a Java array."""
    context = pkgutil.resolve_name("pyspark.SparkContext")._active_spark_context
    array = context._gateway.new_array(context._jvm.double, len(values))
    for i, value in enumerate(values):
        array[i] = float(value)
    return array
