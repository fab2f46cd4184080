"""Common code of the ensembles of trees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galspec_spark.ml.classifiers.kind import Integers, logistic
from galspec_spark.spectrum.arrays import Doubles

#: Rows that descend the trees together: their state stays in the cache.
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Trees:
    """A sum of trees, or its logistic function.

    The nodes of all trees follow one another; a leaf leads to itself.
    """

    roots: Integers  #: (trees,)
    feature: Integers  #: (nodes,)
    threshold: Doubles  #: (nodes,)
    children: Integers  #: (2 nodes,): of node i at 2 i, or at 2 i + 1 if the feature is greater
    value: Doubles  #: (nodes,), added to the sum if a spectrum ends there
    is_logistic: bool

    def score(self, features: Doubles) -> Doubles:
        """Return the probability of AGN of features (n, k)."""
        batches = range(0, len(features), ROWS_AT_ONCE)
        sums = [self._sum(features[first : first + ROWS_AT_ONCE]) for first in batches]
        total = np.concatenate([np.empty(0), *sums])
        return logistic(total) if self.is_logistic else total

    def of_columns(self, columns: Integers, k: int) -> Trees:
        """Return this classifier as a function of k features, of which it uses `columns`."""
        return replace(self, feature=columns[self.feature])

    def _sum(self, features: Doubles) -> Doubles:
        rows, width = features.shape
        values = features.ravel()
        first = np.arange(rows) * width
        node = np.repeat(self.roots[:, None], rows, axis=1)
        while True:
            greater = values.take(self.feature.take(node) + first) > self.threshold.take(node)
            below = self.children.take(2 * node + greater)
            if np.array_equal(below, node):
                return np.asarray(self.value.take(node).sum(axis=0))
            node = below


def read_nodes(stage: Path) -> pa.Table:
    """Return the nodes of a saved ensemble, sorted by tree and node."""
    nodes = pq.read_table(stage / "data").flatten().flatten()
    return nodes.sort_by([("treeID", "ascending"), ("nodeData.id", "ascending")]).combine_chunks()


def trees_of(nodes: pa.Table, value: Doubles, *, is_logistic: bool) -> Trees:
    """Return the trees from `read_nodes`, given the value that each node adds to the sum."""
    _, roots, tree = np.unique(nodes["treeID"], return_index=True, return_inverse=True)
    left, right = (nodes[f"nodeData.{side}Child"].to_numpy() for side in ("left", "right"))
    is_leaf = left < 0
    children = np.stack([left, right], axis=1) + roots[tree, None]
    limits = nodes["nodeData.split.leftCategoriesOrThreshold"].combine_chunks()  # lists: none or 1
    threshold = np.full(len(nodes), np.inf)
    threshold[~is_leaf] = limits.flatten()
    return Trees(
        roots,
        # Any feature serves a leaf, whose children are equal.
        np.maximum(nodes["nodeData.split.featureIndex"].to_numpy(), 0).astype(np.intp),
        threshold,
        np.where(is_leaf[:, None], np.arange(len(nodes))[:, None], children).ravel(),
        value,
        is_logistic,
    )


def importances(model: Any) -> Doubles:
    """Return the impurity importance of each feature in a fitted model; sums to 1."""
    return np.asarray(model.featureImportances.toArray())
