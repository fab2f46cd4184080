"""Tune, fit and calibrate every classifier on the same rows: half of Table 1 at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from galspec_spark.config import TrainConfig
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.evaluation.calibration import (
    Calibration,
    Threshold,
    calibrate,
    choose_threshold,
)
from galspec_spark.ml.labelled.features import ALL_FEATURES, FeatureTable
from galspec_spark.ml.search.fits import Work, is_solved, params_of, saved, slicer, solve, timed_fit
from galspec_spark.ml.search.search import Trial, best_trials, search
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
    model: Any  #: Spark's own
    scorer: Scorer  #: the same as numbers, of the features that it uses
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
    table: FeatureTable,
    features: FeatureSet,
    config: TrainConfig,
    scratch: Path,
) -> tuple[list[Trained], list[Trial]]:
    """Tune, fit and calibrate each classifier on the training split.

    Parameters
    ----------
    features
        Features to use.
    scratch
        Folder for Spark's models.

    Returns
    -------
    trained : list of Trained
        In the order of the classifiers.
    trials : list of Trial
        All points of the search.
    """
    limited = [classifier.limited(len(features.selected)) for classifier in classifiers]
    what = f"search, {features.kind}, {features.name} features"
    limits, of_fold = config.search, features.of_fold
    trials = search(limited, table, of_fold, limits, config.parallelism, what, scratch)
    best = best_trials(trials)
    trained = []
    for classifier in classifiers:
        trial = best[classifier.name]
        fitted = _fitted(trial, features, table, scratch)
        search_seconds = sum(
            sum(each.seconds.values()) for each in trials if each.classifier is trial.classifier
        )
        trained.append(
            Trained(
                trial, features, *fitted[:2], *_calibrated(trial, config), search_seconds, fitted[2]
            )
        )
    return trained, trials


def _fitted(
    trial: Trial, features: FeatureSet, table: FeatureTable, scratch: Path
) -> tuple[Any, Scorer, float]:
    """Fit on the whole training split, one classifier at a time, so that times compare."""
    classifier, point = trial.classifier, trial.point
    kind = CLASSIFIERS[classifier.name]
    selected = features.selected[: point.n_features]
    if kind.solver and is_solved(classifier, point, table.count() * len(selected)):
        work = Work(classifier.name, params_of(classifier, point), None, selected)
        (fit,) = solve(table, [work])
        estimator = classifier.estimator.copy(point.params)
        return kind.solver.native_model(estimator, fit.scorer), fit.scorer, fit.seconds
    train = table.rows.where("fold is not null").select("label", ALL_FEATURES)
    rows = slicer(selected).transform(train)
    model, seconds = timed_fit(classifier.estimator, rows, point.params)
    return model, kind.read(saved(model, scratch)), seconds


def _calibrated(trial: Trial, config: TrainConfig) -> tuple[Calibration, Threshold]:
    """Learn probabilities and a threshold from the out-of-fold scores."""
    scored = pa.concat_tables(table for _, table in sorted(trial.scored.items()))
    labels, scores = scored["label"].to_numpy(), scored["score"].to_numpy()
    is_probability = gives_probability(trial.classifier.name)
    calibration = calibrate(labels, scores, config.calibration, is_probability)
    probabilities = calibration.apply(scores)
    return calibration, choose_threshold(labels, probabilities, config.threshold_precision)
