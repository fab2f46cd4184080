"""Logistic regression."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.ml.classifiers.kind import ClassifierKind
from galspec_spark.ml.classifiers.linear import Linear, coefficients
from galspec_spark.ml.classifiers.saved_stage import matrix_of, row_of, vector_of


def read(stage: Path) -> Linear:
    """Read a saved model; of a multinomial one, the difference of its two classes."""
    row = row_of(stage)
    weights, intercept = matrix_of(row["coefficientMatrix"]), vector_of(row["interceptVector"])
    if row["isMultinomial"]:
        weights, intercept = np.diff(weights, axis=0), np.diff(intercept)
    return Linear(weights[0], float(intercept[0]), is_logistic=True)


def native_model(estimator: Any, weights: Sequence[float], intercept: float) -> Any:
    """Return the model that an estimator would have fitted with these weights (k,)."""
    context = pkgutil.resolve_name("pyspark.SparkContext")._active_spark_context
    values = context._gateway.new_array(context._jvm.double, len(weights))
    for i, weight in enumerate(weights):
        values[i] = float(weight)
    constant = context._gateway.new_array(context._jvm.double, 1)
    constant[0] = float(intercept)
    linalg = context._jvm.org.apache.spark.ml.linalg
    matrix = linalg.DenseMatrix(1, len(weights), values, True)
    model = context._jvm.org.apache.spark.ml.classification.LogisticRegressionModel(
        estimator.uid, matrix, linalg.DenseVector(constant), 2, False
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
        "grid": {"regParam": (0.0, 0.0001, 0.001, 0.01, 0.1)},
        "random": {"regParam": {"log_uniform": (1e-5, 1.0)}},
    },
    is_default=True,
    gives_probability=True,
    weights=coefficients,
    is_linear=True,
    read=read,
)
