"""Linear support vector machine: its score is a margin, not a probability."""

from __future__ import annotations

from pathlib import Path

from galspec_spark.ml.classifiers.kind import ClassifierKind
from galspec_spark.ml.classifiers.linear import Linear, coefficients
from galspec_spark.ml.classifiers.saved_stage import row_of, vector_of


def read(stage: Path) -> Linear:
    """Read a saved model."""
    row = row_of(stage)
    return Linear(vector_of(row["coefficients"]), row["intercept"], is_logistic=False)


KIND = ClassifierKind(
    name="linear_svc",
    label="linear SVM",
    colour="#d98200",
    estimator="pyspark.ml.classification.LinearSVC",
    saved_as="org.apache.spark.ml.classification.LinearSVCModel",
    settings={
        "fixed": {"maxIter": 50, "tol": 1e-3},
        "grid": {"regParam": (0.0001, 0.001, 0.01, 0.1)},
        "random": {"regParam": {"log_uniform": (1e-5, 1.0)}},
    },
    is_default=True,
    gives_probability=False,
    weights=coefficients,
    is_linear=True,
    read=read,
)
