"""Fits of a search: in tasks by numpy where a classifier has a way, else by Spark's own estimator.

A fit of Spark's is 30 to 100 jobs of some 30 ms, whatever the number of rows. A solver takes
milliseconds, so the points of all folds are the tasks of one job.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.labels import Counts
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Params, Scorer
from galspec_spark.ml.evaluation.decisions import of_agn
from galspec_spark.ml.evaluation.scores import confusion
from galspec_spark.ml.labelled.fold_rows import FoldRows
from galspec_spark.ml.search.trial import Trial
from galspec_spark.spectrum.arrays import Doubles, lists_of

#: Features of one fit in numpy, at most: 1 GB with all that it computes. Spark itself fits more.
MOST_VALUES = 40_000_000
#: A parameter of Spark's forests, from 4.3 on: whether sibling leaves with one prediction become
#: one leaf when a tree is finished.
PRUNE_TREE = "pruneTree"
#: Counts of a fit that was not scored.
NOTHING: Counts = np.zeros((0, 0), np.int64)


@dataclass(frozen=True)
class Work:
    """What is fitted, and on what."""

    classifier: str
    params: Params
    fold: int | None  #: left out of the fit, and scored; None: nothing is
    selected: list[int] | None  #: indices of the features; None: all

    def of(self, features: Doubles) -> Doubles:
        """Return the features that are used."""
        return features if self.selected is None else features[:, self.selected]


@dataclass(frozen=True)
class Fit:
    """A fitted classifier as numbers, how long it took, and how it did on the fold left out."""

    scorer: Scorer
    seconds: float
    counts: Counts

    def scored(self, rows: FoldRows, work: Work) -> Fit:
        """Return the fit with the counts of the fold left out."""
        counts = NOTHING
        if work.fold is not None:
            counts = np.zeros((rows.classes, rows.classes), np.int64)
            for features, labels, _ in rows.held_out(work.fold):
                scores = self.scorer.score(work.of(features))
                counts = counts + confusion(labels, predictions(scores, work.params), rows.classes)
        return replace(self, counts=counts)


def predictions(scores: Doubles, params: Params) -> npt.NDArray[np.int8]:
    """Return what Spark's model predicts by its scores: probabilities, or margins.

    With two classes, (n,), a parameter has the threshold; with more, (n, k), the greatest wins.
    """
    if scores.ndim == 2:
        return np.asarray(scores.argmax(axis=1), np.int8)
    return np.asarray(scores > params.get("threshold", 0.5), np.int8)


def is_solved(trial: Trial, values: int, classes: int) -> bool:
    """Return whether numpy fits a point, with so many values of features."""
    solver = trial.kind.solver
    if solver is None or values > MOST_VALUES:
        return False
    return solver.covers(trial.params, classes)


def solve(spark: SparkSession, rows: FoldRows, works: Sequence[Work]) -> list[Fit]:
    """Fit in numpy and count on the fold left out, each in a task of its own."""
    return run_tasks(spark, partial(_solve, rows=rows), works)


def _solve(work: Work, rows: FoldRows) -> Fit:
    solver = CLASSIFIERS[work.classifier].solver
    assert solver is not None
    features, labels = rows.training(work.fold)
    started = time.monotonic()
    scorer = solver.fit(work.of(features), labels, work.params, rows.classes)
    return Fit(scorer, time.monotonic() - started, NOTHING).scored(rows, work)


def held_out_scores(rows: FoldRows, work: Work, scorer: Scorer) -> pa.Table:
    """Return what a fit says of the rows of the fold left out.

    Returns
    -------
    Table
        ``label``, ``prediction``, ``score`` (of AGN), with more than two classes ``scores`` of
        each, and the identifier, if any.
    """
    assert work.fold is not None
    found = []
    for features, labels, others in rows.held_out(work.fold):
        scores = scorer.score(work.of(features))
        decided = predictions(scores, work.params)
        columns = {"label": labels.astype(np.int8), "prediction": decided, "score": of_agn(scores)}
        table = pa.table(columns)
        if scores.ndim == 2:
            table = table.append_column("scores", lists_of(scores))
        if rows.identifier:
            table = table.append_column(rows.identifier, others[rows.identifier])
        found.append(table)
    return pa.concat_tables(found)


def common_fit(trial: Trial) -> tuple[object, ...]:
    """Return what two trials have in common if the deeper one's trees contain the other's."""
    estimator = trial.estimator
    if trial.kind.cut is None or not estimator.hasParam(PRUNE_TREE):
        return (trial.index,)
    shared = {name: value for name, value in trial.params.items() if name != "maxDepth"}
    return (trial.classifier, str(trial.features), *map(str, sorted(shared.items())))


def fit_nested(trials: Sequence[Trial], rows: DataFrame, scratch: Path) -> list[Fit]:
    """Fit trials that one fit contains, by Spark; the time is of the fit that they share.

    Parameters
    ----------
    rows
        The columns that the estimator reads.
    scratch
        Folder for the model, from which it is read.
    """
    kind, estimator = trials[0].kind, trials[0].estimator
    if kind.cut is None or not estimator.hasParam(PRUNE_TREE):
        model, seconds = timed_fit(estimator, rows)
        return [Fit(kind.read(saved(model, scratch)), seconds, NOTHING)]
    settings = [trial.params for trial in trials]
    deepest = max(int(each["maxDepth"]) for each in settings)
    whole = {estimator.maxDepth: deepest, estimator.getParam(PRUNE_TREE): False}
    model, seconds = timed_fit(estimator.copy(whole), rows)
    stage = saved(model, scratch)
    return [
        Fit(kind.cut(stage, each["maxDepth"], each[PRUNE_TREE]), seconds, NOTHING)
        for each in settings
    ]


def timed_fit(estimator: Any, rows: DataFrame) -> tuple[Any, float]:
    """Fit by Spark; return the model and the seconds."""
    started = time.monotonic()
    model = estimator.fit(rows)
    return model, time.monotonic() - started


def saved(model: Any, scratch: Path) -> Path:
    """Save a Spark model under a new name in a folder; return its own folder."""
    stage = scratch / os.urandom(8).hex()
    model.write().save(stage.absolute().as_uri())
    return stage
