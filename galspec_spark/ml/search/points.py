"""The points of a `CrossValidator` as trials, if they are of classifiers that have a fast way."""

from __future__ import annotations

from typing import Any

from pyspark.ml import Pipeline
from pyspark.ml.evaluation import Evaluator, MulticlassClassificationEvaluator
from pyspark.ml.feature import VectorSlicer

from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.search.trial import Trial, class_of

#: Our names of the evaluator's metrics.
METRICS = {
    "f1": "f1",
    "accuracy": "accuracy",
    "weightedPrecision": "precision",
    "weightedRecall": "recall",
}
#: Parameters that are heeded by Spark's own fits and evaluation only.
UNUSUAL = ("weightCol", "thresholds")


def trials_of(validator: Any) -> list[Trial] | None:
    """Return the points of a validator's grid; None if one has no fast way.

    Points are of a classifier, or of a pipeline that ends in one, alone or after a `VectorSlicer`;
    the grid may choose the pipeline's stages. All have the same columns.
    """
    metric = _metric_of(validator.getEvaluator())
    if metric is None or validator.getCollectSubModels():
        return None
    estimator, found = validator.getEstimator(), []
    for index, point in enumerate(validator.getEstimatorParamMaps()):
        trial = _trial(estimator.copy(point), index, metric)
        if trial is None:
            return None
        found.append(trial)
    is_alike = len({(source_of(trial), trial.params["labelCol"]) for trial in found}) == 1
    return found if is_alike else None


def source_of(trial: Trial) -> str:
    """Return the column of features that a trial begins with."""
    column = trial.slicer.getInputCol() if trial.slicer else trial.params["featuresCol"]
    return str(column)


def _trial(estimator: Any, index: int, metric: str) -> Trial | None:
    stages: list[Any] = estimator.getStages() if isinstance(estimator, Pipeline) else [estimator]
    *before, classifier = stages
    name = class_of(classifier)
    known = (k for k in CLASSIFIERS.values() if name in (k.estimator, k.estimator_of_many))
    kind = next(known, None)
    if kind is None or not all(map(_is_slicer, before)) or len(before) > 1:
        return None
    trial = Trial(index, kind.name, classifier, before[0] if before else None, metric)
    if any(trial.params.get(unusual) for unusual in UNUSUAL):
        return None
    if before and before[0].getOutputCol() != trial.params["featuresCol"]:
        return None
    return trial


def _is_slicer(stage: object) -> bool:
    return type(stage) is VectorSlicer and not stage.getNames()


def _metric_of(evaluator: Evaluator) -> str | None:
    if type(evaluator) is not MulticlassClassificationEvaluator or evaluator.isSet("weightCol"):
        return None
    return METRICS.get(evaluator.getMetricName())
