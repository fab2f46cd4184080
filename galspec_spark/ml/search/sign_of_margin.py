"""The sign of a margin as a Spark estimator."""

from __future__ import annotations

import pkgutil
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from galspec_spark.ml.classifiers import logistic_regression
from galspec_spark.ml.classifiers.linear import Linear

LogisticRegression: Any = pkgutil.resolve_name(logistic_regression.KIND.estimator)


class SignOfMargin(LogisticRegression):  # type: ignore[misc]  # resolved by name
    """A logistic regression that is not fitted: coefficient 1, intercept 0."""

    def _fit(self, dataset: DataFrame) -> Any:
        return logistic_regression.native_model(self, Linear(np.ones(1), 0.0, is_logistic=True))
