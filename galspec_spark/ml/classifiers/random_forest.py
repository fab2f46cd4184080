"""Random forest: its score is the mean share of AGN in the leaves that a spectrum reaches."""

from __future__ import annotations

from pathlib import Path

from galspec_spark.ml.classifiers.kind import ClassifierKind
from galspec_spark.ml.classifiers.trees import Trees, importances, read_nodes, trees_of
from galspec_spark.spectrum.arrays import rows_of


def read(stage: Path) -> Trees:
    """Read a saved model."""
    nodes = read_nodes(stage)
    counts = rows_of(nodes["nodeData.impurityStats"].combine_chunks())  # of both classes
    share = counts[:, 1] / counts.sum(axis=1)
    trees = len(nodes["treeID"].unique())
    return trees_of(nodes, share / trees, is_logistic=False)


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
    weights=importances,
    is_linear=False,
    read=read,
)
