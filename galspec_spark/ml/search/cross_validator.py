"""Spark's `CrossValidator`, with fits in numpy where there are such.

A drop-in: the same parameters, folds, averages and choice. It is as fast as the data allow where
the estimator is Spark's LogisticRegression or LinearSVC, labels are 0 and 1, and the metric follows
from the confusion matrix; else it is Spark's own.
"""

from __future__ import annotations

import logging
from functools import reduce
from typing import Any

import numpy as np
from pyspark.ml import tuning
from pyspark.ml.evaluation import Evaluator, MulticlassClassificationEvaluator
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import ClassifierKind, Labels, Params, Solver
from galspec_spark.ml.evaluation.scores import confusion, score_arrays
from galspec_spark.ml.search.fits import predictions
from galspec_spark.spectrum.arrays import Doubles, rows_of

#: Values of features that are fetched to the driver and sent to the tasks, at most: 80 MB.
MOST_VALUES = 10_000_000
#: Our names of the evaluator's metrics.
METRICS = {
    "f1": "f1",
    "accuracy": "accuracy",
    "weightedPrecision": "precision",
    "weightedRecall": "recall",
}

log = logging.getLogger(__name__)


class CrossValidator(tuning.CrossValidator):
    """Cross-validation over folds, as `pyspark.ml.tuning.CrossValidator`."""

    def _fit(self, dataset: DataFrame) -> tuning.CrossValidatorModel:
        kind = _kind_of(self.getEstimator())
        metric = _metric_of(self.getEvaluator())
        points = [_params_at(self.getEstimator(), each) for each in self.getEstimatorParamMaps()]
        if kind is None or metric is None or self.getCollectSubModels():
            return super()._fit(dataset)
        solver = kind.solver
        if solver is None or not all(map(solver.covers, points)):
            return super()._fit(dataset)
        rows = self._rows(dataset, points[0])
        if rows is None:
            return super()._fit(dataset)
        return self._solve(dataset, solver, metric, points, *rows)

    def _rows(self, dataset: DataFrame, params: Params) -> tuple[Doubles, Labels, Labels] | None:
        """Fetch features (n, k), labels and folds (n,); None if they are not for numpy."""
        features = vector_to_array(F.col(params["featuresCol"])).alias("features")
        first = dataset.select(features).head()
        if first is None or dataset.count() * len(first[0]) > MOST_VALUES:
            log.info("cross-validation by Spark: more than %d values of features", MOST_VALUES)
            return None
        held_out = [
            validation.select(F.col(params["labelCol"]).alias("label"), features, F.lit(number))
            for number, (_, validation) in enumerate(self._kFold(dataset))
        ]
        table = reduce(DataFrame.unionAll, held_out).toDF("label", "features", "fold").toArrow()
        labels, fold = table["label"].to_numpy(), table["fold"].to_numpy()
        if not np.isin(labels, (0, 1)).all() or len(np.unique(fold)) < self.getNumFolds():
            return None
        values = rows_of(table["features"].combine_chunks()).astype(np.float64, copy=False)
        return values, labels.astype(np.int32), fold

    def _solve(
        self,
        dataset: DataFrame,
        solver: Solver,
        metric: str,
        points: list[Params],
        features: Doubles,
        labels: Labels,
        fold: Labels,
    ) -> tuning.CrossValidatorModel:
        spark, folds = dataset.sparkSession, range(self.getNumFolds())
        sent = spark.sparkContext.broadcast((features, labels, fold))

        def score(task: tuple[Params, int]) -> float:
            params, number = task
            features, labels, fold = sent.value
            is_held = fold == number
            fitted = solver.fit(features[~is_held], labels[~is_held], params)
            called = predictions(fitted.score(features[is_held]), params)
            return float(score_arrays(confusion(labels[is_held], called))[metric])

        found = run_tasks(spark, score, [(params, number) for number in folds for params in points])
        sent.destroy()
        metrics = np.reshape(found, (len(folds), len(points)))
        average, deviation = tuning.CrossValidator._gen_avg_and_std_metrics(metrics.tolist())
        best = int(np.argmax(average))
        estimator = self.getEstimator().copy(self.getEstimatorParamMaps()[best])
        model = solver.native_model(estimator, solver.fit(features, labels, points[best]))
        return self._copyValues(tuning.CrossValidatorModel(model, average, None, deviation))


def _kind_of(estimator: Any) -> ClassifierKind | None:
    """Return the classifier that an estimator is, exactly."""
    name = f"{type(estimator).__module__}.{type(estimator).__name__}"
    kinds = (kind for kind in CLASSIFIERS.values() if kind.is_default)
    return next((kind for kind in kinds if kind.estimator == name), None)


def _metric_of(evaluator: Evaluator) -> str | None:
    if type(evaluator) is not MulticlassClassificationEvaluator or evaluator.isSet("weightCol"):
        return None
    return METRICS.get(evaluator.getMetricName())


def _params_at(estimator: Any, point: Any) -> Params:
    """Return all parameters of an estimator at a point, defaults included, by name."""
    changed = estimator.copy(point)
    defined = [param for param in changed.params if changed.isDefined(param)]
    return {param.name: changed.getOrDefault(param) for param in defined}
