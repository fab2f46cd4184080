"""Spark's classifiers as numpy: what a fitted model computes, where the spectra are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from galspec_spark.spectrum.arrays import Doubles

#: Of the kind that numpy takes by without a conversion.
Integers = npt.NDArray[np.intp]
#: Rows that go down the trees together: their state stays in the cache.
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Linear:
    """A logistic regression or a linear support vector machine."""

    weights: Doubles  #: (k,)
    intercept: float
    is_logistic: bool

    def score(self, features: Doubles) -> Doubles:
        """Return the probability of AGN, or the SVM's margin, of features (n, k)."""
        margin = features @ self.weights + self.intercept
        return np.asarray(expit(margin) if self.is_logistic else margin)

    def of_columns(self, columns: Integers, k: int) -> Linear:
        """Return the same as a function of k features, of which it uses some."""
        weights = np.zeros(k)
        weights[columns] = self.weights
        return replace(self, weights=weights)


@dataclass(frozen=True)
class Forest:
    """A random forest: the nodes of all trees one after another; a leaf leads to itself."""

    roots: Integers  #: (trees,)
    feature: Integers  #: (nodes,)
    threshold: Doubles  #: (nodes,)
    children: Integers  #: (2 nodes,): of node i at 2 i, and where the feature is greater at 2 i + 1
    share: Doubles  #: (nodes,), of AGN among the training spectra there

    def score(self, features: Doubles) -> Doubles:
        """Return the mean share of AGN in the leaves that features (n, k) come to."""
        batches = range(0, len(features), ROWS_AT_ONCE)
        scores = [self._score(features[first : first + ROWS_AT_ONCE]) for first in batches]
        return np.concatenate([np.empty(0), *scores])

    def of_columns(self, columns: Integers, k: int) -> Forest:
        """Return the same as a function of k features, of which it uses some."""
        return replace(self, feature=columns[self.feature])

    def _score(self, features: Doubles) -> Doubles:
        rows, width = features.shape
        values = features.ravel()
        first = np.arange(rows) * width
        node = np.repeat(self.roots[:, None], rows, axis=1)
        while True:
            greater = values.take(self.feature.take(node) + first) > self.threshold.take(node)
            below = self.children.take(2 * node + greater)
            if np.array_equal(below, node):
                return np.asarray(self.share.take(node).mean(axis=0))
            node = below


Scorer = Linear | Forest
