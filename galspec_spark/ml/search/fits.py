"""Fits of a search: in tasks by numpy where a classifier has a way, else by Spark's own estimator.

A fit of Spark's is 30 to 100 jobs of some 30 ms, whatever the number of rows. A solver takes
milliseconds, so the points of all folds are the tasks of one job.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.ml.feature import VectorSlicer
from pyspark.sql import DataFrame

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.labels import CLASS_NAMES, Counts
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Params, Scorer
from galspec_spark.ml.evaluation.scores import confusion
from galspec_spark.ml.labelled.features import (
    ALL_FEATURES,
    FeatureTable,
    held_out_rows,
    training_rows,
)
from galspec_spark.ml.search.settings import FEATURES, Classifier, ParamMap, Point
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.storage import Location

#: Features of one fit in numpy, at most: 0.8 GB. Spark itself fits more.
MOST_VALUES = 100_000_000
#: A parameter of Spark's forests, from 4.3 on: whether sibling leaves with one prediction become
#: one leaf when a tree is finished.
PRUNE_TREE = "pruneTree"
#: Counts of no rows.
NOTHING: Counts = np.zeros((len(CLASS_NAMES), len(CLASS_NAMES)), np.int64)


@dataclass(frozen=True)
class Work:
    """What is fitted, and on what."""

    classifier: str
    params: Params
    fold: int | None  #: left out of the fit, and scored; None: nothing is
    selected: Sequence[int]  #: indices of the features


@dataclass(frozen=True)
class Fit:
    """A fitted classifier as numbers, how long it took, and how it did on the fold left out."""

    scorer: Scorer
    seconds: float
    counts: Counts

    def scored(self, parts: Sequence[Location], work: Work) -> Fit:
        """Return the fit with the counts of the fold left out."""
        return replace(self, counts=_held_out_counts(parts, work, self.scorer))


def predictions(scores: Doubles, params: Params) -> npt.NDArray[np.int8]:
    """Return what Spark's model predicts by its scores: probabilities, or a margin."""
    return np.asarray(scores > params.get("threshold", 0.5), np.int8)


def is_solved(classifier: Classifier, point: Point, values: int) -> bool:
    """Return whether numpy fits a point, with so many values of features."""
    solver = CLASSIFIERS[classifier.name].solver
    fits_memory = values <= MOST_VALUES
    return solver is not None and fits_memory and solver.covers(params_of(classifier, point))


def params_of(classifier: Classifier, point: Point) -> dict[str, Any]:
    """Return all parameters of an estimator at a point, defaults included, by name."""
    estimator = classifier.estimator
    defined = [param for param in estimator.params if estimator.isDefined(param)]
    fixed = {param.name: estimator.getOrDefault(param) for param in defined}
    return fixed | {param.name: value for param, value in point.params.items()}


def solve(table: FeatureTable, works: Sequence[Work]) -> list[Fit]:
    """Fit in numpy and count on the fold left out, each in a task of its own."""
    return run_tasks(table.rows.sparkSession, partial(_solve, parts=table.parts), works)


def _solve(work: Work, parts: Sequence[Location]) -> Fit:
    solver = CLASSIFIERS[work.classifier].solver
    assert solver is not None
    features, labels = training_rows(parts, work.fold)
    started = time.monotonic()
    scorer = solver.fit(features[:, list(work.selected)], labels, work.params)
    return Fit(scorer, time.monotonic() - started, NOTHING).scored(parts, work)


def _held_out_counts(parts: Sequence[Location], work: Work, scorer: Scorer) -> Counts:
    counts = NOTHING
    if work.fold is not None:
        for features, labels in held_out_rows(parts, work.fold):
            scores = scorer.score(features[:, list(work.selected)])
            counts = counts + confusion(labels, predictions(scores, work.params))
    return counts


def held_out_scores(parts: Sequence[Location], work: Work, scorer: Scorer) -> pa.Table:
    """Return ``label``, ``prediction`` and ``score`` of the rows of the fold left out."""
    assert work.fold is not None
    found = []
    for features, labels in held_out_rows(parts, work.fold):
        scores = scorer.score(features[:, list(work.selected)])
        columns = [labels.astype(np.int8), predictions(scores, work.params), scores]
        found.append(pa.table(dict(zip(("label", "prediction", "score"), columns, strict=True))))
    return pa.concat_tables(found)


def contains(classifier: Classifier, point: Point) -> tuple[object, ...]:
    """Return what two points have in common if the deeper one's trees contain the other's."""
    kind = CLASSIFIERS[classifier.name]
    is_nested = kind.cut is not None and classifier.estimator.hasParam(PRUNE_TREE)
    chosen = {param.name: value for param, value in point.params.items()}
    if is_nested:
        chosen.pop("maxDepth", None)
    return (classifier.name, point.n_features, *sorted(chosen.items()), is_nested or id(point))


def fit_nested(
    classifier: Classifier, points: Sequence[Point], rows: DataFrame, scratch: Path
) -> list[Fit]:
    """Fit points that one fit contains, by Spark; the time is of the fit that they share.

    Parameters
    ----------
    rows
        Columns ``label`` and ``features`` (vector).
    scratch
        Folder for the model, from which it is read.
    """
    kind, estimator = CLASSIFIERS[classifier.name], classifier.estimator
    if kind.cut is None or not estimator.hasParam(PRUNE_TREE):
        (point,) = points
        model, seconds = timed_fit(estimator, rows, point.params)
        return [Fit(kind.read(saved(model, scratch)), seconds, NOTHING)]
    settings = [params_of(classifier, point) for point in points]
    deepest = max(settings, key=lambda each: int(each["maxDepth"]))["maxDepth"]
    whole = {estimator.maxDepth: deepest, estimator.getParam(PRUNE_TREE): False}
    model, seconds = timed_fit(estimator, rows, points[0].params | whole)
    stage = saved(model, scratch)
    return [
        Fit(kind.cut(stage, each["maxDepth"], each[PRUNE_TREE]), seconds, NOTHING)
        for each in settings
    ]


def timed_fit(estimator: Any, rows: DataFrame, params: ParamMap) -> tuple[Any, float]:
    """Fit by Spark; return the model and the seconds."""
    started = time.monotonic()
    model = estimator.fit(rows, params)
    return model, time.monotonic() - started


def saved(model: Any, scratch: Path) -> Path:
    """Save a Spark model under a new name in a folder; return its own folder."""
    stage = scratch / os.urandom(8).hex()
    model.write().save(stage.absolute().as_uri())
    return stage


def slicer(selected: Iterable[int]) -> VectorSlicer:
    """Return the Spark transformer that picks features by their indices."""
    return VectorSlicer(inputCol=ALL_FEATURES, outputCol=FEATURES, indices=list(selected))
