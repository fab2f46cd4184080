"""The sign of a margin: no training, AGN where the only feature is above 0.

The model is a logistic regression of MLlib with coefficient 1 and intercept 0, so that stock Spark
loads and scores it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

from galspec_spark.ml.classifiers import logistic_regression
from galspec_spark.ml.classifiers.kind import ClassifierKind
from galspec_spark.ml.classifiers.linear import coefficients


class Sign:
    """An estimator, as Spark's, that learns nothing."""

    params = ()

    def __init__(self, **columns: str) -> None:
        self._columns = columns

    def hasParam(self, name: str) -> bool:
        """Return False: there is nothing to set."""
        return False

    def fit(self, rows: Any, params: Mapping[Any, Any]) -> Any:
        """Return a `LogisticRegressionModel` whose decision is the sign of the feature."""
        estimator = pkgutil.resolve_name(logistic_regression.KIND.estimator)(**self._columns)
        return logistic_regression.native_model(estimator, [1.0], 0.0)


KIND = ClassifierKind(
    name="sign_of_margin",
    label="SDSS’s formula",
    colour="#000000",
    estimator=f"{__name__}.Sign",
    saved_as=logistic_regression.KIND.saved_as,
    settings={},
    is_default=False,
    gives_probability=True,
    weights=coefficients,
    is_linear=True,
    read=logistic_regression.read,
)
