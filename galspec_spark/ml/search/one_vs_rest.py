"""Linear support vector machines of more than two classes as a Spark estimator."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from galspec_spark.ml.classifiers import linear_svc

LinearSVC: Any = pkgutil.resolve_name(linear_svc.KIND.estimator)
OneVsRest: Any = pkgutil.resolve_name(linear_svc.ESTIMATOR_OF_MANY)
OneVsRestModel: Any = pkgutil.resolve_name(f"{linear_svc.ESTIMATOR_OF_MANY}Model")


class OneVsRestSVC(LinearSVC):  # type: ignore[misc]  # resolved by name
    """A linear support vector machine for each class, with one set of parameters for all.

    Spark's `OneVsRest` has the parameters of its classifier out of reach of a search.
    """

    def machine(self) -> Any:
        """Return Spark's own estimator of two classes, with the same parameters."""
        return self._copyValues(LinearSVC())

    def model_of(self, machines: Sequence[Any]) -> Any:
        """Return Spark's own model of fitted machines, one for each class."""
        return self._one_vs_rest()._copyValues(OneVsRestModel(list(machines)))

    def _one_vs_rest(self) -> Any:
        return OneVsRest(
            classifier=self.machine(),
            featuresCol=self.getFeaturesCol(),
            labelCol=self.getLabelCol(),
            predictionCol=self.getPredictionCol(),
            rawPredictionCol=self.getRawPredictionCol(),
        )

    def _fit(self, dataset: DataFrame) -> Any:
        return self._one_vs_rest().fit(dataset)
