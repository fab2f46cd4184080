"""The three Spark classifiers, built from the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from pyspark.errors import IllegalArgumentException
from pyspark.ml.classification import LinearSVC, LogisticRegression, RandomForestClassifier
from pyspark.ml.functions import vector_to_array
from pyspark.ml.param import Param
from pyspark.sql import Column
from pyspark.sql import functions as F

from galspec_spark.config import ClassifierConfig, TrainConfig
from galspec_spark.errors import ConfigError

KINDS = {
    "logistic_regression": LogisticRegression,
    "linear_svc": LinearSVC,
    "random_forest": RandomForestClassifier,
}
SIMPLEST_FIRST = tuple(KINDS)
FEATURES, LABEL = "features", "label"

ParamMap = dict[Param[Any], Any]


@dataclass(frozen=True)
class Classifier:
    """An untrained classifier and the points of its grid."""

    name: str
    estimator: Any  #: a Spark estimator with the fixed parameters set
    grid: list[ParamMap]

    def hyperparameters(self, point: ParamMap) -> dict[str, Any]:
        """Return what the configuration set and the point chose, by parameter name."""
        estimator = self.estimator
        fixed = {p.name: estimator.getOrDefault(p) for p in estimator.params if estimator.isSet(p)}
        chosen = {param.name: value for param, value in point.items()}
        columns = {name for name in fixed if _is_column(name)}
        return {key: value for key, value in (fixed | chosen).items() if key not in columns}


def build_classifiers(config: TrainConfig) -> list[Classifier]:
    """Build the configured classifiers, simplest first; needs a Spark session, starts no job.

    Raises
    ------
    ConfigError
        If a parameter is not one of that Spark classifier, or it does not take the value.
    """
    return [
        _build(name, config.classifiers[name], config.seed)
        for name in SIMPLEST_FIRST
        if name in config.classifiers
    ]


def score(name: str) -> Column:
    """Return the column that ranks spectra from other to AGN: a probability, or an SVM's margin."""
    column = "rawPrediction" if name == "linear_svc" else "probability"
    return vector_to_array(F.col(column))[1]


def _build(name: str, config: ClassifierConfig, seed: int) -> Classifier:
    estimator = KINDS[name](featuresCol=FEATURES, labelCol=LABEL)
    if estimator.hasParam("seed"):
        estimator.setSeed(seed)
    for key, value in config.fixed.items():
        estimator.set(*_parameter(name, estimator, key, value))
    values = [
        [_parameter(name, estimator, key, value) for value in choices]
        for key, choices in config.grid.items()
    ]
    return Classifier(name, estimator, [dict(point) for point in product(*values)])


def _parameter(name: str, estimator: Any, key: str, value: Any) -> tuple[Param[Any], Any]:
    """Return the parameter and its value in Spark's type, after asking Spark if it is allowed."""
    where = f"train.classifiers.{name}: "
    known = [param.name for param in estimator.params if not _is_column(param.name)]
    if key not in known:
        raise ConfigError(f"{where}unknown parameter {key!r}; known: {', '.join(known)}")
    param = estimator.getParam(key)
    try:
        converted = param.typeConverter(value)
        estimator.copy({param: converted})._transfer_params_to_java()
    except (TypeError, ValueError, IllegalArgumentException) as error:
        cause = str(error).splitlines()[0]
        raise ConfigError(f"{where}{key} cannot be {value!r}: {cause}") from None
    return param, converted


def _is_column(parameter: str) -> bool:
    """Tell whether a parameter names a column: those are ours to choose."""
    return parameter.endswith("Col")
