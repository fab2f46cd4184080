"""The sign of a margin: nothing is trained, AGN is where the only feature is above 0.

The model is a logistic regression of MLlib with coefficient 1 and intercept 0, so that stock Spark
loads and scores it.
"""

from __future__ import annotations

import numpy as np

from galspec_spark.ml.classifiers import logistic_regression
from galspec_spark.ml.classifiers.kind import ClassifierKind, Labels, Params, Solver
from galspec_spark.ml.classifiers.linear import Linear
from galspec_spark.spectrum.arrays import Doubles


def covers(params: Params, k: int) -> bool:
    """Return True: there is no other way."""
    return True


def fit(features: Doubles, labels: Labels, params: Params, k: int) -> Linear:
    """Return the sign, whatever the data."""
    return Linear(np.ones(1), 0.0, is_logistic=True)


KIND = ClassifierKind(
    name="sign_of_margin",
    label="SDSS’s formula",
    colour="#000000",
    estimator="galspec_spark.ml.search.sign_of_margin.SignOfMargin",
    saved_as=logistic_regression.KIND.saved_as,
    settings={},
    is_default=False,
    gives_probability=True,
    is_linear=True,
    read=logistic_regression.read,
    solver=Solver(covers, fit, logistic_regression.native_model),
)
