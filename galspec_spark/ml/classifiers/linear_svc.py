"""Linear support vector machine: its score is a margin, not a probability.

Of more than two classes there is a machine for each, against the rest: MLlib's OneVsRestModel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers.kind import ClassifierKind, Labels, Params, Solver
from galspec_spark.ml.classifiers.linear import Linear, LinearOfMany, java, java_doubles
from galspec_spark.ml.classifiers.linear_fit import fit_hinge, is_plain
from galspec_spark.ml.classifiers.linear_fit_of_many import fit_hinges
from galspec_spark.ml.classifiers.saved_stage import metadata_of, row_of, vector_of
from galspec_spark.spectrum.arrays import Doubles

MACHINE = "org.apache.spark.ml.classification.LinearSVC"
#: The class of a model of many classes, and that of its estimator in Python.
ONE_VS_REST = "org.apache.spark.ml.classification.OneVsRestModel"
ESTIMATOR_OF_MANY = "pyspark.ml.classification.OneVsRest"


def covers(params: Params, k: int) -> bool:
    """Return whether the minimum is one point, and a fit in numpy has the same."""
    return is_plain(params) and params["regParam"] > 0


def fit(features: Doubles, labels: Labels, params: Params, k: int) -> Linear | LinearOfMany:
    """Fit in numpy."""
    if k == 2:
        return fit_hinge(features, labels, params)
    return fit_hinges(features, labels, params, k)


def read(stage: Path) -> Linear | LinearOfMany:
    """Read a saved model, of two classes or of one for each class.

    Raises
    ------
    UserError
        If it is made of other models.
    """
    metadata = metadata_of(stage)
    if metadata["class"] != ONE_VS_REST:
        return _read_one(stage)
    folders = [stage / f"model_{label}" for label in range(metadata["numClasses"])]
    names = {metadata_of(folder)["class"] for folder in (*folders, stage / "classifier")}
    if names - {MACHINE, f"{MACHINE}Model"}:
        raise UserError(
            f"{stage} has a step of the class {max(names - {MACHINE})}, which no model of "
            "galspec_spark has: do not use this model"
        )
    each = list(map(_read_one, folders))
    return LinearOfMany(
        np.stack([one.weights for one in each]),
        np.array([one.intercept for one in each]),
        is_softmax=False,
    )


def _read_one(stage: Path) -> Linear:
    row = row_of(stage)
    return Linear(vector_of(row["coefficients"]), row["intercept"], is_logistic=False)


def native_model(estimator: Any, fitted: Linear | LinearOfMany) -> Any:
    """Return the model that an estimator would have fitted, given its weights."""
    if isinstance(fitted, Linear):
        return _native_one(estimator, fitted)
    machine = estimator.machine()
    machines = [
        _native_one(machine, Linear(weights, float(intercept), is_logistic=False))
        for weights, intercept in zip(fitted.coefficients, fitted.intercepts, strict=True)
    ]
    return estimator.model_of(machines)


def _native_one(estimator: Any, fitted: Linear) -> Any:
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
    solver=Solver(covers, fit, native_model),
    estimator_of_many="galspec_spark.ml.search.one_vs_rest.OneVsRestSVC",
    saved_as_of_many=ONE_VS_REST,
)
