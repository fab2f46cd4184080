"""Gradient-boosted trees: each tree is fitted to the errors of the trees before it.

Spark minimises ``log(1 + exp(-2 y F(x)))`` with y = -1 or 1, and F the weighted sum of the trees
(Friedman 1999, Stochastic Gradient Boosting), so the probability is ``1 / (1 + exp(-2 F(x)))``.
"""

from __future__ import annotations

from pathlib import Path

from galspec_spark.ml.classifiers.kind import ClassifierKind
from galspec_spark.ml.classifiers.saved_stage import metadata_of, table_of
from galspec_spark.ml.classifiers.trees import Trees, read_nodes


def read(stage: Path) -> Trees:
    """Read a saved model."""
    nodes = read_nodes(stage)
    trees = table_of(stage / "treesMetadata").rename_columns(["tree", "metadata", "weight"])
    weights = trees.sort_by("tree")["weight"].to_numpy()
    each = weights[nodes.tree] * nodes.prediction
    k, weight = metadata_of(stage)["numFeatures"], nodes.statistics[:, 0]
    importances = nodes.importances(k, weight, per_tree=False)
    return nodes.trees(2 * each, importances, is_logistic=True)


KIND = ClassifierKind(
    name="gbt",
    label="gradient-boosted trees",
    colour="#cc79a7",
    estimator="pyspark.ml.classification.GBTClassifier",
    saved_as="org.apache.spark.ml.classification.GBTClassificationModel",
    settings={
        "fixed": {"maxIter": 50},
        "grid": {"maxDepth": (3, 5)},
        "random": {
            "maxDepth": {"integer": (2, 8)},
            "stepSize": {"log_uniform": (0.03, 0.3)},
        },
    },
    is_default=False,
    gives_probability=True,
    is_linear=False,
    read=read,
)
