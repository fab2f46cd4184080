"""Common code of the ensembles of trees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from galspec_spark.ml.classifiers.kind import Integers, logistic
from galspec_spark.ml.classifiers.saved_stage import table_of
from galspec_spark.spectrum.arrays import Doubles, rows_of

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
    #: Added to the sum if a spectrum ends there, (nodes,); with more than two classes (nodes, k).
    value: Doubles
    weights: Doubles  #: (k,), importances
    is_logistic: bool

    def score(self, features: Doubles) -> Doubles:
        """Return the probability of AGN, or of each class, of features (n, d)."""
        batches = range(0, len(features), ROWS_AT_ONCE)
        sums = [self._sum(features[first : first + ROWS_AT_ONCE]) for first in batches]
        total = np.concatenate([np.empty((0, *self.value.shape[1:])), *sums])
        return logistic(total) if self.is_logistic else total

    def of_columns(self, columns: Integers, k: int) -> Trees:
        """Return this classifier as a function of k features, of which it uses `columns`."""
        weights = np.zeros(k)
        weights[columns] = self.weights
        return replace(self, feature=columns[self.feature], weights=weights)

    def _sum(self, features: Doubles) -> Doubles:
        rows, width = features.shape
        values = features.ravel()
        first = np.arange(rows) * width
        node = np.repeat(self.roots[:, None], rows, axis=1)
        while True:
            greater = values.take(self.feature.take(node) + first) > self.threshold.take(node)
            below = self.children.take(2 * node + greater)
            if np.array_equal(below, node):
                return np.asarray(self.value.take(node, axis=0).sum(axis=0))
            node = below


@dataclass(frozen=True)
class Nodes:
    """The nodes of a saved ensemble, one tree after another, each in the order of its numbers."""

    tree: Integers  #: (nodes,) number of the tree
    roots: Integers  #: (trees,)
    children: Integers  #: (nodes, 2) left and right; a leaf's are itself
    feature: Integers  #: (nodes,)
    threshold: Doubles  #: (nodes,), infinite at a leaf
    prediction: Doubles  #: (nodes,)
    #: (nodes, s): the weight of each class, or weight, sum and sum of squares of what is predicted
    statistics: Doubles
    gain: Doubles  #: (nodes,), by the split; not positive at a leaf

    @property
    def is_leaf(self) -> npt.NDArray[np.bool_]:
        """Which nodes have no children, (nodes,)."""
        return np.asarray(self.children[:, 0] == np.arange(len(self.children)))

    def levels(self) -> list[Integers]:
        """Return the nodes of each depth, from the roots down."""
        found = [self.roots]
        is_leaf = self.is_leaf
        while len(inner := found[-1][~is_leaf[found[-1]]]):
            found.append(self.children[inner].ravel())
        return found

    def cut(self, depth: int, *, merged: bool) -> Nodes:
        """Return the trees down to a depth.

        Parameters
        ----------
        merged
            Whether sibling leaves with one prediction become one leaf, as Spark makes of a
            finished tree unless its ``pruneTree`` is False.

        Notes
        -----
        Spark grows trees level by level, and chooses a split without regard to those below it:
        the trees are those that it would have grown no deeper.
        """
        levels = self.levels()[: depth + 1]
        is_leaf = self.is_leaf
        is_leaf[levels[-1]] |= len(levels) == depth + 1
        for nodes in reversed(levels[:-1]) if merged else ():
            below = self.children[nodes]
            alike = self.prediction[below[:, 0]] == self.prediction[below[:, 1]]
            is_leaf[nodes] |= is_leaf[below].all(axis=1) & alike
        index = np.arange(len(is_leaf))
        return replace(
            self,
            children=np.where(is_leaf[:, None], index[:, None], self.children),
            threshold=np.where(is_leaf, np.inf, self.threshold),
        )

    def trees(self, value: Doubles, weights: Doubles, *, is_logistic: bool) -> Trees:
        """Return the trees, given the value of each node and the importances (d,).

        Values are (nodes,), with more than two classes (nodes, k).
        """
        children = self.children.ravel()
        return Trees(
            self.roots, self.feature, self.threshold, children, value, weights, is_logistic
        )

    def importances(self, k: int, weight: Doubles, *, per_tree: bool) -> Doubles:
        """Return the share of the impurity that splits by each of k features remove.

        Parameters
        ----------
        weight
            Total weight of the rows at each node, (nodes,).
        per_tree
            Whether all trees count alike, as in Spark's forests, and not in its boosted trees.
        """
        reached = np.concatenate(self.levels())
        used = reached[~self.is_leaf[reached]]
        scaled = self.gain[used] * weight[used]
        shares = np.zeros((len(self.roots), k))
        np.add.at(shares, (self.tree[used], self.feature[used]), scaled)
        totals = shares.sum(axis=1, keepdims=True)
        if per_tree:
            shares = np.divide(shares, totals, out=np.zeros_like(shares), where=totals > 0)
        summed = shares.sum(axis=0)
        return np.asarray(summed / summed.sum() if summed.sum() > 0 else summed)


def read_nodes(stage: Path) -> Nodes:
    """Read the nodes of a saved ensemble."""
    table = table_of(stage / "data").flatten().flatten()
    table = table.sort_by([("treeID", "ascending"), ("nodeData.id", "ascending")]).combine_chunks()
    _, roots, tree = np.unique(table["treeID"], return_index=True, return_inverse=True)
    left, right = (table[f"nodeData.{side}Child"].to_numpy() for side in ("left", "right"))
    is_leaf = left < 0
    below = np.stack([left, right], axis=1) + roots[tree, None]
    limits = table["nodeData.split.leftCategoriesOrThreshold"].combine_chunks()  # none or 1
    threshold = np.full(len(table), np.inf)
    threshold[~is_leaf] = limits.flatten()
    return Nodes(
        tree,
        roots,
        np.where(is_leaf[:, None], np.arange(len(table))[:, None], below),
        # Any feature serves a leaf, whose children are equal.
        np.maximum(table["nodeData.split.featureIndex"].to_numpy(), 0).astype(np.intp),
        threshold,
        table["nodeData.prediction"].to_numpy(),
        rows_of(table["nodeData.impurityStats"].combine_chunks()).astype(np.float64),
        table["nodeData.gain"].to_numpy(),
    )
