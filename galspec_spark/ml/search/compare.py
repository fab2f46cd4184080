"""Tune, fit and calibrate every classifier on the same rows: half of Table 1 at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.config import TrainConfig
from galspec_spark.ml.evaluation.calibration import (
    Calibration,
    Threshold,
    calibrate,
    choose_threshold,
)
from galspec_spark.ml.labelled.features import ALL_FEATURES, fold_column
from galspec_spark.ml.search.search import Fold, Trial, best_trials, search, slicer
from galspec_spark.ml.search.settings import Classifier, gives_probability


@dataclass(frozen=True)
class FeatureSet:
    """Some of the features, most important first, chosen for each fold without its own rows."""

    kind: str  #: name of a `FeatureKind`
    name: str  #: for example ``all 20`` or ``best 10``
    selected: list[int]  #: indices, chosen on the whole training split
    of_fold: list[list[int]]
    is_all: bool = False

    @staticmethod
    def everything(kind: str, count: int, folds: int) -> FeatureSet:
        """Return all features of a kind, in their order."""
        indices = list(range(count))
        return FeatureSet(kind, f"all {count}", indices, [indices] * folds, is_all=True)


@dataclass(frozen=True)
class Trained:
    """A classifier with its best settings, fitted on the whole training split."""

    trial: Trial  #: the search's best
    features: FeatureSet
    model: Any
    calibration: Calibration
    threshold: Threshold
    search_seconds: float  #: of all its fits in the search, which overlap others
    fit_seconds: float  #: of the final fit, alone

    @property
    def classifier(self) -> str:
        """Name of the classifier in the configuration."""
        return self.trial.classifier.name

    @property
    def selected(self) -> list[int]:
        """Indices of the features that the classifier uses."""
        return self.features.selected[: self.trial.point.n_features]


def compare(
    classifiers: Sequence[Classifier],
    table: DataFrame,
    features: FeatureSet,
    config: TrainConfig,
) -> tuple[list[Trained], list[Trial]]:
    """Tune, fit and calibrate each classifier on the training split.

    Parameters
    ----------
    table
        From `feature_table`, persisted.
    features
        Features to use.

    Returns
    -------
    trained : list of Trained
        In the order of the classifiers.
    trials : list of Trial
        All points of the search.
    """
    folds = [_fold(table, features, number) for number in range(len(features.of_fold))]
    limited = [classifier.limited(len(features.selected)) for classifier in classifiers]
    what = f"search, {features.kind}, {features.name} features"
    trials = search(limited, folds, config.search, config.parallelism, what)
    best = best_trials(trials)
    train = table.where("fold is not null").select("label", ALL_FEATURES)
    fitted = [_fitted(best[classifier.name], features, train) for classifier in classifiers]

    trained = []
    for classifier, (model, seconds) in zip(classifiers, fitted, strict=True):
        trial = best[classifier.name]
        search_seconds = sum(
            sum(each.seconds.values()) for each in trials if each.classifier is trial.classifier
        )
        trained.append(
            Trained(trial, features, model, *_calibrated(trial, config), search_seconds, seconds)
        )
    return trained, trials


def _fold(table: DataFrame, features: FeatureSet, number: int) -> Fold:
    rows = table.select("label", "fold", F.col(fold_column(number)).alias(ALL_FEATURES))
    return Fold(
        rows.where(F.col("fold") != number),
        rows.where(F.col("fold") == number),
        features.of_fold[number],
    )


def _fitted(trial: Trial, features: FeatureSet, train: DataFrame) -> tuple[Any, float]:
    """Fit on the whole training split, one classifier at a time, so that times compare."""
    rows = slicer(features.selected[: trial.point.n_features]).transform(train)
    started = time.monotonic()
    model = trial.classifier.estimator.fit(rows, trial.point.params)
    return model, time.monotonic() - started


def _calibrated(trial: Trial, config: TrainConfig) -> tuple[Calibration, Threshold]:
    """Learn probabilities and a threshold from the out-of-fold scores."""
    scored = pa.concat_tables(table for _, table in sorted(trial.scored.items()))
    labels, scores = scored["label"].to_numpy(), scored["score"].to_numpy()
    is_probability = gives_probability(trial.classifier.name)
    calibration = calibrate(labels, scores, config.calibration, is_probability)
    probabilities = calibration.apply(scores)
    return calibration, choose_threshold(labels, probabilities, config.threshold_precision)
