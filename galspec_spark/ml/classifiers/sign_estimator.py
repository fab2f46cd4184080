"""The sign of a margin as a Spark estimator."""

from __future__ import annotations

from typing import cast

import numpy as np
from pyspark.ml.classification import LogisticRegression, LogisticRegressionModel
from pyspark.sql import DataFrame

from galspec_spark.ml.classifiers.linear import Linear
from galspec_spark.ml.classifiers.logistic_regression import native_model


class SignOfMargin(LogisticRegression):
    """A logistic regression that is not fitted: coefficient 1, intercept 0."""

    def _fit(self, dataset: DataFrame) -> LogisticRegressionModel:
        return cast(
            LogisticRegressionModel,
            native_model(self, Linear(np.ones(1), 0.0, is_logistic=True)),
        )
