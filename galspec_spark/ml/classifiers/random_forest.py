"""Random forest: its score is the mean share of a class in the leaves that a spectrum reaches."""

from __future__ import annotations

from pathlib import Path

from galspec_spark.ml.classifiers.kind import ClassifierKind
from galspec_spark.ml.classifiers.saved_stage import metadata_of
from galspec_spark.ml.classifiers.trees import Nodes, Trees, read_nodes


def read(stage: Path) -> Trees:
    """Read a saved model."""
    return _forest(read_nodes(stage), stage)


def cut(stage: Path, depth: int, merged: bool) -> Trees:
    """Read a saved model down to a depth."""
    return _forest(read_nodes(stage).cut(depth, merged=merged), stage)


def _forest(nodes: Nodes, stage: Path) -> Trees:
    counts = nodes.statistics  # of each class
    total = counts.sum(axis=1)
    shares = counts / total[:, None] / len(nodes.roots)
    share = shares[:, 1] if counts.shape[1] == 2 else shares
    weights = nodes.importances(metadata_of(stage)["numFeatures"], total, per_tree=True)
    return nodes.trees(share, weights, is_logistic=False)


KIND = ClassifierKind(
    name="random_forest",
    label="random forest",
    colour="#00805e",
    estimator="pyspark.ml.classification.RandomForestClassifier",
    saved_as="org.apache.spark.ml.classification.RandomForestClassificationModel",
    settings={
        "fixed": {"impurity": "entropy", "numTrees": 100, "cacheNodeIds": True},
        "grid": {"maxDepth": (6, 9, 12)},
        "random": {
            "maxDepth": {"integer": (4, 14)},
            "minInstancesPerNode": {"integer": (1, 10)},
        },
    },
    is_default=True,
    gives_probability=True,
    is_linear=False,
    read=read,
    cut=cut,
    estimator_of_many="pyspark.ml.classification.RandomForestClassifier",
)
