"""The classifiers and the settings to try, built from the configuration."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from pyspark.errors import IllegalArgumentException
from pyspark.ml.param import Param

from galspec_spark.config import ClassifierConfig, TrainConfig
from galspec_spark.errors import ConfigError
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.features.kind import FeatureKind

FEATURES, LABEL = "features", "label"
#: Our own setting beside Spark's: the number of features to use.
N_FEATURES = "n_features"

ParamMap = dict[Param[Any], Any]


@dataclass(frozen=True)
class Point:
    """One combination of settings."""

    params: ParamMap
    n_features: int  #: number of features used, most important first
    origin: str  #: ``grid`` or ``random``


@dataclass(frozen=True)
class Classifier:
    """An untrained classifier and the points to try."""

    name: str
    estimator: Any  #: a Spark estimator with the fixed parameters set
    points: list[Point]

    def limited(self, n_features: int) -> Classifier:
        """Return the classifier for fewer features; points that become equal are merged."""
        points: dict[str, Point] = {}
        for point in self.points:
            fewer = Point(point.params, min(point.n_features, n_features), point.origin)
            chosen = {param.name: value for param, value in point.params.items()}
            points.setdefault(json.dumps([chosen, fewer.n_features], sort_keys=True), fewer)
        return Classifier(self.name, self.estimator, list(points.values()))


def build_classifiers(config: TrainConfig, kind: FeatureKind, k: int = 2) -> list[Classifier]:
    """Build the classifiers of a kind of features; needs a Spark session, starts no job.

    Parameters
    ----------
    k
        Number of classes.

    Raises
    ------
    ConfigError
        If the Spark classifier does not have a parameter, does not take its value, or does not
        know so many classes.
    """
    return [_build(name, own, config, kind, k) for name, own in config.classifiers_of(kind).items()]


def _build(
    name: str, config: ClassifierConfig, train: TrainConfig, kind: FeatureKind, k: int
) -> Classifier:
    if CLASSIFIERS[name].estimator_of(k) is None:
        where = f"features.{kind.name}" if kind.classifier else f"classifiers.{name}"
        raise ConfigError(
            f"train.{where} tells AGN from the rest only, not {k} classes: leave it out"
        )
    estimator = CLASSIFIERS[name].new_estimator(k, featuresCol=FEATURES, labelCol=LABEL)
    if estimator.hasParam("seed"):
        estimator.setSeed(train.seed)
    for key, value in config.fixed.items():
        estimator.set(*_parameter(name, estimator, key, value))
    # Each classifier has its own stream: leaving out a classifier does not change the others.
    random = np.random.default_rng([train.seed, zlib.crc32(name.encode())])
    grid = [
        dict(zip(config.grid, values, strict=True)) for values in product(*config.grid.values())
    ]
    drawn = [
        {key: distribution.draw(random) for key, distribution in config.random.items()}
        for _ in range(train.search.random_points if config.random else 0)
    ]
    points = [
        _point(name, estimator, settings, train.most_features, origin)
        for origin, found in (("grid", grid), ("random", drawn))
        for settings in found
    ]
    return Classifier(name, estimator, points)


def _point(
    name: str, estimator: Any, settings: dict[str, Any], n_features: int, origin: str
) -> Point:
    params = dict(
        _parameter(name, estimator, key, value)
        for key, value in settings.items()
        if key != N_FEATURES
    )
    wanted = settings.get(N_FEATURES, n_features)
    if not isinstance(wanted, int) or not 1 <= wanted <= n_features:
        raise ConfigError(
            f"train.classifiers.{name}: {N_FEATURES} cannot be {wanted!r}: "
            f"choose 1 to {n_features}, the number of features"
        )
    return Point(params, wanted, origin)


def _parameter(name: str, estimator: Any, key: str, value: Any) -> tuple[Param[Any], Any]:
    """Return the parameter and its value in Spark's type, once Spark accepts the value."""
    where = f"train.classifiers.{name}: "
    parameters = [param.name for param in estimator.params if not _is_column(param.name)]
    if key not in parameters:
        raise ConfigError(f"{where}unknown parameter {key!r}; known: {', '.join(parameters)}")
    param = estimator.getParam(key)
    try:
        converted = param.typeConverter(value)
        estimator.copy({param: converted})._transfer_params_to_java()
    except (TypeError, ValueError, IllegalArgumentException) as error:
        cause = str(error).splitlines()[0]
        raise ConfigError(f"{where}{key} cannot be {value!r}: {cause}") from None
    return param, converted


def _is_column(parameter: str) -> bool:
    """Return whether a parameter names a column, which is ours to choose."""
    return parameter.endswith("Col")
