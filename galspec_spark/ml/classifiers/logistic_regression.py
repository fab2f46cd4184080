"""Logistic regression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.ml.classifiers.kind import ClassifierKind, Labels, Params, Solver
from galspec_spark.ml.classifiers.linear import Linear, LinearOfMany, java, java_doubles
from galspec_spark.ml.classifiers.linear_fit import fit_logistic, is_plain
from galspec_spark.ml.classifiers.linear_fit_of_many import fit_softmax
from galspec_spark.ml.classifiers.saved_stage import matrix_of, row_of, vector_of
from galspec_spark.spectrum.arrays import Doubles


def covers(params: Params, k: int) -> bool:
    """Return whether a fit in numpy has the same minimum."""
    if k == 2:
        return is_plain(params) and params["family"] in ("auto", "binomial")
    is_smooth = not params["regParam"] or not params["elasticNetParam"]
    return is_plain(params) and is_smooth and params["family"] in ("auto", "multinomial")


def fit(features: Doubles, labels: Labels, params: Params, k: int) -> Linear | LinearOfMany:
    """Fit in numpy."""
    if k == 2:
        return fit_logistic(features, labels, params)
    return fit_softmax(features, labels, params, k)


def read(stage: Path) -> Linear | LinearOfMany:
    """Read a saved model; of a multinomial one of two classes, the difference of both."""
    row = row_of(stage)
    weights, intercept = matrix_of(row["coefficientMatrix"]), vector_of(row["interceptVector"])
    if len(weights) > 2:
        return LinearOfMany(weights, intercept, is_softmax=True)
    if row["isMultinomial"]:
        weights, intercept = np.diff(weights, axis=0), np.diff(intercept)
    return Linear(weights[0], float(intercept[0]), is_logistic=True)


def native_model(estimator: Any, fitted: Linear | LinearOfMany) -> Any:
    """Return the model that an estimator would have fitted, given its weights."""
    is_of_many = isinstance(fitted, LinearOfMany)
    if isinstance(fitted, LinearOfMany):
        weights, intercepts = fitted.coefficients, fitted.intercepts
    else:
        weights, intercepts = fitted.weights[None], np.array([fitted.intercept])
    jvm = java()
    linalg = jvm.org.apache.spark.ml.linalg
    # By rows: a matrix by columns makes predictions fail.
    matrix = linalg.DenseMatrix(*weights.shape, java_doubles(weights.ravel()), True)
    model = jvm.org.apache.spark.ml.classification.LogisticRegressionModel(
        estimator.uid,
        matrix,
        linalg.DenseVector(java_doubles(intercepts)),
        len(weights) if is_of_many else 2,
        is_of_many,
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
    solver=Solver(covers, fit, native_model),
    estimator_of_many="pyspark.ml.classification.LogisticRegression",
)
