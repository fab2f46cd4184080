"""Hyper-parameter search by cross-validation over folds that have their own features.

The search finds the same as Spark's `CrossValidator` on the same folds (a test compares them).
`CrossValidator` refits the features in every fit or leaks them, searches one classifier at a time
and waits at the end of every fold. Here, what numpy can fit is one Spark job, and the other fits of
all classifiers, points and folds share one pool (`fits.py`).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from galspec_spark.config import SearchConfig
from galspec_spark.harness.progress import Progress
from galspec_spark.labels import Counts
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.ml.labelled.features import ALL_FEATURES, FeatureTable, fold_column
from galspec_spark.ml.search.fits import (
    Fit,
    Work,
    contains,
    fit_nested,
    held_out_scores,
    is_solved,
    params_of,
    slicer,
    solve,
)
from galspec_spark.ml.search.settings import Classifier, Point

log = logging.getLogger(__name__)


@dataclass
class Trial:
    """One point of a search, in all folds."""

    classifier: Classifier
    point: Point
    confusions: dict[int, Counts] = field(default_factory=dict)  #: by fold
    seconds: dict[int, float] = field(default_factory=dict)  #: of the fits, which overlap
    #: By fold, kept for a classifier's best only, as what it says of the fold's rows:
    scorers: dict[int, Scorer] = field(default_factory=dict)
    #: ``label``, ``prediction`` and ``score``, 10 bytes a row.
    scored: dict[int, pa.Table] = field(default_factory=dict)

    @property
    def f1(self) -> float:
        """Mean of the folds' weighted F1, the criterion, as in Spark's `CrossValidator`."""
        scores = [classification_scores(counts)["f1"] for counts in self.confusions.values()]
        return float(np.mean(scores))

    @property
    def pooled(self) -> dict[str, Any]:
        """Scores of all rows, each predicted without its own fold."""
        return classification_scores(np.sum(list(self.confusions.values()), axis=0))


def search(
    classifiers: Sequence[Classifier],
    table: FeatureTable,
    of_fold: Sequence[list[int]],
    limits: SearchConfig,
    parallelism: int,
    what: str,
    scratch: Path,
) -> list[Trial]:
    """Cross-validate the points of all classifiers.

    Parameters
    ----------
    of_fold
        For each fold the indices of its features to use, most important first.
    limits
        Limits of the search; each classifier's first point is always tried.
    parallelism
        Number of models that Spark fits at once.
    what
        Name of this search in its progress.
    scratch
        Folder for Spark's models.

    Returns
    -------
    list of Trial
        All points tried, in the order in which they began.
    """
    return _Search(classifiers, table, of_fold, limits, what, scratch).run(parallelism)


def best_trials(trials: Sequence[Trial]) -> dict[str, Trial]:
    """Return each classifier's trial with the best mean weighted F1; of equals the first."""
    best: dict[str, Trial] = {}
    for trial in trials:
        name = trial.classifier.name
        if name not in best or trial.f1 > best[name].f1:
            best[name] = trial
    return best


class _Search:
    """The state that the threads of a search share."""

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        table: FeatureTable,
        of_fold: Sequence[list[int]],
        limits: SearchConfig,
        what: str,
        scratch: Path,
    ) -> None:
        self.table, self.of_fold, self.what, self.scratch = table, of_fold, what, scratch
        self.trials = list(_in_rounds(classifiers))
        if limits.max_fits is not None:
            del self.trials[max(len(classifiers), limits.max_fits // len(of_fold)) :]
        self.first = set(map(id, self.trials[: len(classifiers)]))
        self.begun: set[int] = set()
        minutes = np.inf if limits.max_minutes is None else limits.max_minutes
        self.deadline = time.monotonic() + 60 * minutes
        self.progress = Progress(what, len(self.trials) * len(of_fold), "fits")
        self.lock = threading.Lock()

    def run(self, parallelism: int) -> list[Trial]:
        values = self.table.count() * len(self.of_fold[0])
        solved: list[Trial] = []
        groups: dict[tuple[object, ...], list[Trial]] = {}
        for trial in self.trials:
            if is_solved(trial.classifier, trial.point, values):
                solved.append(trial)
            else:
                groups.setdefault(contains(trial.classifier, trial.point), []).append(trial)
        self.solve(solved)
        with ThreadPoolExecutor(parallelism) as pool:
            fits = [
                pool.submit(self.fit, group, number)
                for group in groups.values()
                for number in range(len(self.of_fold))
            ]
            try:
                for each in fits:
                    each.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        tried = [trial for trial in self.trials if trial.confusions]
        if len(tried) < len(self.trials):
            log.info("%s: %d of %d points tried in time", self.what, len(tried), len(self.trials))
        self.score(best_trials(tried).values())
        return tried

    def solve(self, trials: Sequence[Trial]) -> None:
        """Fit trials in numpy, all of them in one job."""
        folds = range(len(self.of_fold))
        todo = [(trial, fold) for trial in trials if self.may_begin([trial]) for fold in folds]
        works = [
            Work(
                trial.classifier.name,
                params_of(trial.classifier, trial.point),
                fold,
                self.selected(trial, fold),
            )
            for trial, fold in todo
        ]
        for (trial, fold), fit in zip(todo, solve(self.table, works), strict=True):
            self.record(trial, fold, fit)

    def fit(self, group: Sequence[Trial], number: int) -> None:
        """Fit trials that one fit of Spark's contains."""
        if not self.may_begin(group):
            return
        selected = self.selected(group[0], number)
        others = self.table.rows.where(F.col("fold") != number)
        column = F.col(fold_column(number)).alias(ALL_FEATURES)
        rows = slicer(selected).transform(others.select("label", column))
        points = [trial.point for trial in group]
        found = fit_nested(group[0].classifier, points, rows, self.scratch)
        for trial, fit in zip(group, found, strict=True):
            params = params_of(trial.classifier, trial.point)
            work = Work(trial.classifier.name, params, number, selected)
            self.record(trial, number, fit.scored(self.table.parts, work))

    def selected(self, trial: Trial, fold: int) -> list[int]:
        return self.of_fold[fold][: trial.point.n_features]

    def record(self, trial: Trial, number: int, fit: Fit) -> None:
        with self.lock:
            trial.confusions[number], trial.seconds[number] = fit.counts, fit.seconds
            trial.scorers[number] = fit.scorer
            if len(trial.confusions) == len(self.of_fold):
                self.keep_best(trial.classifier.name)
        self.progress.advance()

    def may_begin(self, group: Sequence[Trial]) -> bool:
        """Return whether there is time for trials; what has begun is finished."""
        ids = set(map(id, group))
        with self.lock:
            if ids & self.first or time.monotonic() < self.deadline:
                self.begun |= ids
            return ids <= self.begun

    def keep_best(self, name: str) -> None:
        """Drop the models of a classifier's complete trials, except the best's."""
        complete = [
            trial
            for trial in self.trials
            if trial.classifier.name == name and len(trial.confusions) == len(self.of_fold)
        ]
        best = best_trials(complete)[name]
        for trial in complete:
            if trial is not best:
                trial.scorers.clear()

    def score(self, trials: Iterable[Trial]) -> None:
        """Keep what trials say of each fold's rows."""
        for trial in trials:
            params = params_of(trial.classifier, trial.point)
            for fold, scorer in trial.scorers.items():
                work = Work(trial.classifier.name, params, fold, self.selected(trial, fold))
                trial.scored[fold] = held_out_scores(self.table.parts, work, scorer)


def _in_rounds(classifiers: Sequence[Classifier]) -> Iterator[Trial]:
    """Yield the first point of each classifier, then the second of each and so on.

    The costliest come first in a round: no long fit should run alone at the end of the search.
    """
    for round_ in zip_longest(*(classifier.points for classifier in reversed(classifiers))):
        for classifier, point in zip(reversed(classifiers), round_, strict=True):
            if point is not None:
                yield Trial(classifier, point)


def search_table(trials: Sequence[Trial], kind: str, features: str) -> pa.Table:
    """Return one row for each point and fold of a search: its settings, scores and seconds."""
    rows = [
        {
            "kind": kind,
            "features": features,
            "classifier": trial.classifier.name,
            "origin": trial.point.origin,
            "point": number,
            "n_features": trial.point.n_features,
            "hyperparameters": json.dumps(trial.classifier.hyperparameters(trial.point)),
            "fold": fold,
            **dict(zip(("tn", "fp", "fn", "tp"), counts.ravel().tolist(), strict=True)),
            **{key: classification_scores(counts)[key] for key in ("f1", "agn_f1", "mcc")},
            "seconds": trial.seconds[fold],
        }
        for number, trial in enumerate(trials)
        for fold, counts in sorted(trial.confusions.items())
    ]
    return pa.Table.from_pylist(rows, SEARCH)


SEARCH = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "features", "classifier", "origin")),
        ("point", pa.int32()),
        ("n_features", pa.int32()),
        ("hyperparameters", pa.string()),
        *((name, pa.int64()) for name in ("fold", "tn", "fp", "fn", "tp")),
        *((name, pa.float64()) for name in ("f1", "agn_f1", "mcc", "seconds")),
    ]
)
