"""Tune, fit and calibrate every classifier on the same rows: half of Table 1 at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.ml import Pipeline
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.feature import VectorSlicer

from galspec_spark.config import TrainConfig
from galspec_spark.config.training import STOCK
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.evaluation.calibration import (
    Calibration,
    Labels,
    Threshold,
    calibrate,
    choose_threshold,
)
from galspec_spark.ml.evaluation.decisions import count_of, of_agn, probabilities
from galspec_spark.ml.evaluation.prediction_sets import (
    PredictionSets,
    sets_by_class,
    sets_of_all,
)
from galspec_spark.ml.labelled.features import ALL_FEATURES, FeatureTable, fold_column
from galspec_spark.ml.search.cross_validator import CrossValidator
from galspec_spark.ml.search.search import Refit
from galspec_spark.ml.search.settings import FEATURES, Classifier, Point
from galspec_spark.ml.search.stock import search_by_spark
from galspec_spark.ml.search.trial import Trial, best_trials
from galspec_spark.spectrum.arrays import Doubles, rows_of


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
class Tried:
    """A point of the configuration, and how it did."""

    point: Point
    trial: Trial


@dataclass(frozen=True)
class Trained:
    """A classifier with its best settings, fitted on the whole training split."""

    trial: Trial  #: the search's best
    features: FeatureSet
    model: Any  #: Spark's own
    scorer: Scorer  #: the same as numbers, of the features that it uses
    calibration: Calibration  #: of the score of AGN
    #: Of the scores of the other classes, each against all; none with two classes.
    other_calibrations: tuple[Calibration, ...]
    threshold: Threshold
    prediction_sets: PredictionSets
    marginal_sets: PredictionSets  #: the usual ones, to compare with
    search_seconds: float  #: of all its fits in the search, which overlap others
    fit_seconds: float  #: of the final fit, alone

    @property
    def classifier(self) -> str:
        """Name of the classifier in the configuration."""
        return self.trial.classifier

    @property
    def selected(self) -> list[int]:
        """Indices of the features that the classifier uses."""
        assert self.trial.features is not None
        return [self.features.selected[i] for i in self.trial.features]


def compare(
    classifiers: Sequence[Classifier],
    table: FeatureTable,
    features: FeatureSet,
    config: TrainConfig,
    scratch: Path,
) -> tuple[list[Trained], list[Tried]]:
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
    tried : list of Tried
        All points of the search.
    """
    limited = [classifier.limited(len(features.selected)) for classifier in classifiers]
    points = [point for classifier in limited for point in classifier.points]
    trials, refits = _searched(limited, table, features, config, scratch)
    best = best_trials(trials)
    known = table.read("train", ["spectrum_id", "sn_median"])
    trained = [
        _trained(best[each.name], trials, features, refits[each.name], known, config)
        for each in limited
    ]
    return trained, [Tried(points[trial.index], trial) for trial in trials]


def _searched(
    classifiers: Sequence[Classifier],
    table: FeatureTable,
    features: FeatureSet,
    config: TrainConfig,
    scratch: Path,
) -> tuple[list[Trial], dict[str, Refit]]:
    """Cross-validate all points of all classifiers at once."""
    slicer = VectorSlicer(inputCol=ALL_FEATURES, outputCol=FEATURES)
    pipeline = Pipeline(stages=[])
    folds = len(features.of_fold)
    settings = {
        "estimator": pipeline,
        "estimatorParamMaps": [
            {
                pipeline.stages: [slicer, classifier.estimator],
                slicer.indices: list(range(point.n_features)),
                **point.params,
            }
            for classifier in classifiers
            for point in classifier.points
        ],
        "evaluator": MulticlassClassificationEvaluator(metricName="f1"),
        "numFolds": folds,
        "foldCol": "fold",
        "parallelism": config.parallelism,
    }
    if config.search.cross_validator == STOCK:
        return search_by_spark(settings, table, features.selected, scratch)
    validator = CrossValidator(
        **settings,
        foldFeatures=[fold_column(fold) for fold in range(folds)],
        selection=[*features.of_fold, features.selected],
        idCol="spectrum_id",
        maxFits=config.search.max_fits,
        maxMinutes=config.search.max_minutes,
        scratchDir=str(scratch),
        files=table.parts,
        what=f"train, search, {features.kind}, {features.name} features",
    )
    model: Any = validator.fit(table.rows.where("fold is not null"))
    return model.trials, model.refits


def _trained(
    trial: Trial,
    trials: Sequence[Trial],
    features: FeatureSet,
    refit: Refit,
    known: pa.Table,
    config: TrainConfig,
) -> Trained:
    own = [each for each in trials if each.classifier == trial.classifier]
    seconds = sum(sum(each.seconds.values()) for each in own)
    labels, scores, sn = _held_out(trial, known)
    is_probability = trial.kind.gives_probability
    is_agn = (labels == count_of(scores) - 1).astype(np.int8)
    calibration = calibrate(is_agn, of_agn(scores), config.calibration, is_probability)
    others = tuple(
        calibrate((labels == i).astype(np.int8), scores[:, i], config.calibration, is_probability)
        for i in range(count_of(scores) - 1 if scores.ndim == 2 else 0)
    )
    calibrated = probabilities(scores, calibration, others)
    level = config.prediction_set_level
    return Trained(
        trial,
        features,
        refit.model,
        refit.scorer,
        calibration,
        others,
        choose_threshold(is_agn, of_agn(calibrated), config.threshold_precision),
        sets_by_class(labels, calibrated, sn, level),
        sets_of_all(labels, calibrated, level),
        seconds,
        refit.seconds,
    )


def _held_out(trial: Trial, known: pa.Table) -> tuple[Labels, Doubles, Doubles]:
    """Return labels, out-of-fold scores, of all classes if many, and S/N of the training split.

    Parameters
    ----------
    known
        ``spectrum_id`` and ``sn_median`` of the training split.
    """
    scored = pa.concat_tables(table for _, table in sorted(trial.scored.items()))
    labels = scored["label"].to_numpy()
    place = pc.index_in(scored["spectrum_id"], known["spectrum_id"])
    sn = known["sn_median"].take(place).cast(pa.float64()).fill_null(np.nan).to_numpy()
    if "scores" not in scored.column_names:
        return labels, scored["score"].to_numpy(), sn
    scores = rows_of(scored["scores"].combine_chunks()).astype(np.float64, copy=False)
    return labels, scores, sn
