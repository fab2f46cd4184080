"""Linear support vector machine: its score is a margin, not a probability."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galspec_spark.ml.classifiers.kind import ClassifierKind, Solver
from galspec_spark.ml.classifiers.linear import Linear, java, java_doubles
from galspec_spark.ml.classifiers.linear_fit import covers_hinge, fit_hinge
from galspec_spark.ml.classifiers.saved_stage import row_of, vector_of


def read(stage: Path) -> Linear:
    """Read a saved model."""
    row = row_of(stage)
    return Linear(vector_of(row["coefficients"]), row["intercept"], is_logistic=False)


def native_model(estimator: Any, fitted: Linear) -> Any:
    """Return the model that an estimator would have fitted, given its weights."""
    jvm = java()
    weights = jvm.org.apache.spark.ml.linalg.DenseVector(java_doubles(fitted.weights))
    model = jvm.org.apache.spark.ml.classification.LinearSVCModel(
        estimator.uid, weights, fitted.intercept
    )
    return estimator._copyValues(estimator._create_model(model))


KIND = ClassifierKind(
    name="linear_svc",
    label="linear SVM",
    colour="#d98200",
    estimator="pyspark.ml.classification.LinearSVC",
    saved_as="org.apache.spark.ml.classification.LinearSVCModel",
    settings={
        "fixed": {"maxIter": 50, "tol": 1e-3},
        "grid": {"regParam": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)},
        "random": {"regParam": {"log_uniform": (1e-5, 1.0)}},
    },
    is_default=True,
    gives_probability=False,
    is_linear=True,
    read=read,
    solver=Solver(covers_hinge, fit_hinge, native_model),
)
