"""Logistic regression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.ml.classifiers.kind import ClassifierKind, Solver
from galspec_spark.ml.classifiers.linear import Linear, java, java_doubles
from galspec_spark.ml.classifiers.linear_fit import covers, fit_logistic
from galspec_spark.ml.classifiers.saved_stage import matrix_of, row_of, vector_of


def read(stage: Path) -> Linear:
    """Read a saved model; of a multinomial one, the difference of its two classes."""
    row = row_of(stage)
    weights, intercept = matrix_of(row["coefficientMatrix"]), vector_of(row["interceptVector"])
    if row["isMultinomial"]:
        weights, intercept = np.diff(weights, axis=0), np.diff(intercept)
    return Linear(weights[0], float(intercept[0]), is_logistic=True)


def native_model(estimator: Any, fitted: Linear) -> Any:
    """Return the model that an estimator would have fitted, given its weights."""
    jvm = java()
    linalg, weights = jvm.org.apache.spark.ml.linalg, fitted.weights
    # By rows: a matrix by columns makes predictions fail.
    matrix = linalg.DenseMatrix(1, len(weights), java_doubles(weights), True)
    intercept = linalg.DenseVector(java_doubles([fitted.intercept]))
    model = jvm.org.apache.spark.ml.classification.LogisticRegressionModel(
        estimator.uid, matrix, intercept, 2, False
    )
    return estimator._copyValues(estimator._create_model(model))


KIND = ClassifierKind(
    name="logistic_regression",
    label="logistic regression",
    colour="#0072b2",
    estimator="pyspark.ml.classification.LogisticRegression",
    saved_as="org.apache.spark.ml.classification.LogisticRegressionModel",
    settings={
        "fixed": {"maxIter": 100, "tol": 1e-4},
        "grid": {"regParam": (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)},
        "random": {"regParam": {"log_uniform": (1e-5, 1.0)}},
    },
    is_default=True,
    gives_probability=True,
    is_linear=True,
    read=read,
    solver=Solver(covers, fit_logistic, native_model),
)
