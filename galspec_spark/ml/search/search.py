"""The pool of a search: all classifiers, points and folds, within a budget.

What numpy can fit is one Spark job, and the other fits share one pool of threads (`fits.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.ml.feature import VectorSlicer
from pyspark.sql import DataFrame

from galspec_spark.harness.progress import Progress
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.labelled.fold_rows import FoldRows
from galspec_spark.ml.search.fits import (
    Fit,
    Work,
    common_fit,
    fit_nested,
    held_out_scores,
    is_solved,
    saved,
    solve,
    timed_fit,
)
from galspec_spark.ml.search.trial import Trial, best_trials

#: Column of a frame's features.
VECTORS = "vectors"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchRows:
    """The rows of a search: in files for numpy, and as frames for Spark."""

    files: FoldRows
    #: For each fold the rows of the others: labels, and as `VECTORS` the fold's own features.
    others: Sequence[DataFrame]
    everything: DataFrame  #: all rows, with the features fitted on all
    #: Indices of the features to choose from: for each fold, and last for all rows; None: all.
    selection: Sequence[Sequence[int]] | None = None

    @property
    def folds(self) -> range:
        """The numbers of the folds."""
        return range(len(self.others))

    def selected(self, trial: Trial, fold: int | None) -> list[int] | None:
        """Return the indices of the features that a trial uses without a fold; None: all."""
        chosen = self.selection and self.selection[-1 if fold is None else fold]
        if trial.features is None:
            return list(chosen) if chosen else None
        return [chosen[i] for i in trial.features] if chosen else list(trial.features)

    def work(self, trial: Trial, fold: int | None) -> Work:
        """Return a trial's fit without a fold, or on all rows."""
        return Work(trial.classifier, trial.params, fold, self.selected(trial, fold))

    def frame(self, trial: Trial, fold: int | None) -> DataFrame:
        """Return the rows that Spark fits a trial to."""
        rows = self.everything if fold is None else self.others[fold]
        selected, name = self.selected(trial, fold), trial.params["featuresCol"]
        if selected is None:
            return rows.withColumnRenamed(VECTORS, name)
        slicer = VectorSlicer(inputCol=VECTORS, outputCol=name, indices=selected)
        return slicer.transform(rows).drop(VECTORS)


@dataclass(frozen=True)
class Limits:
    """The budget of a search; each classifier's first point is always tried."""

    fits: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Refit:
    """A trial fitted on all rows."""

    model: Any  #: Spark's own
    scorer: Scorer  #: the same as numbers, of the features that it uses
    seconds: float


def search(
    trials: Sequence[Trial],
    rows: SearchRows,
    limits: Limits,
    parallelism: int,
    what: str,
    scratch: Path,
) -> list[Trial]:
    """Cross-validate points of all classifiers.

    Parameters
    ----------
    parallelism
        Number of models that Spark fits at once.
    what
        Name of this search in its progress.
    scratch
        Folder for Spark's models.

    Returns
    -------
    list of Trial
        Those tried, in the order in which they began.
    """
    return _Search(trials, rows, limits, what, scratch).run(parallelism)


def refit(trial: Trial, rows: SearchRows, scratch: Path) -> Refit:
    """Fit a trial on all rows, alone, so that times compare."""
    work = rows.work(trial, None)
    if trial.kind.solver and is_solved(trial, rows.files.values(), rows.files.classes):
        (fit,) = solve(rows.everything.sparkSession, rows.files, [work])
        model = trial.kind.solver.native_model(trial.estimator, fit.scorer)
        return Refit(model, fit.scorer, fit.seconds)
    model, seconds = timed_fit(trial.estimator, rows.frame(trial, None))
    return Refit(model, trial.kind.read(saved(model, scratch)), seconds)


class _Search:
    """The state that the threads of a search share."""

    def __init__(
        self, trials: Sequence[Trial], rows: SearchRows, limits: Limits, what: str, scratch: Path
    ) -> None:
        self.rows, self.what, self.scratch = rows, what, scratch
        self.trials = list(_in_rounds(trials))
        classifiers = len({trial.classifier for trial in trials})
        if limits.fits is not None:
            del self.trials[max(classifiers, limits.fits // len(rows.folds)) :]
        self.first = {trial.index for trial in self.trials[:classifiers]}
        self.begun: set[int] = set()
        minutes = np.inf if limits.minutes is None else limits.minutes
        self.deadline = time.monotonic() + 60 * minutes
        self.progress = Progress(what, len(self.trials) * len(rows.folds), "fits")
        self.lock = threading.Lock()

    def run(self, parallelism: int) -> list[Trial]:
        values = self.rows.files.values()
        solved: list[Trial] = []
        groups: dict[tuple[object, ...], list[Trial]] = {}
        for trial in self.trials:
            if is_solved(trial, values, self.rows.files.classes):
                solved.append(trial)
            else:
                groups.setdefault(common_fit(trial), []).append(trial)
        by_spark = len(self.trials) - len(solved)
        log.info("%s: %d points by numpy, %d by Spark", self.what, len(solved), by_spark)
        self.solve(solved)
        with ThreadPoolExecutor(parallelism) as pool:
            fits = [
                pool.submit(self.fit, group, number)
                for group in groups.values()
                for number in self.rows.folds
            ]
            try:
                for each in fits:
                    each.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.progress.finish()
        tried = [trial for trial in self.trials if trial.confusions]
        if len(tried) < len(self.trials):
            log.info("%s: %d of %d points tried in time", self.what, len(tried), len(self.trials))
        self.score(best_trials(tried).values())
        return tried

    def solve(self, trials: Sequence[Trial]) -> None:
        """Fit trials in numpy, all of them in one job."""
        begun = [trial for trial in trials if self.may_begin([trial])]
        todo = [(trial, fold) for trial in begun for fold in self.rows.folds]
        works = [self.rows.work(trial, fold) for trial, fold in todo]
        found = solve(self.rows.everything.sparkSession, self.rows.files, works)
        for (trial, fold), fit in zip(todo, found, strict=True):
            self.record(trial, fold, fit)

    def fit(self, group: Sequence[Trial], fold: int) -> None:
        """Fit trials that one fit of Spark's contains."""
        if not self.may_begin(group):
            return
        found = fit_nested(group, self.rows.frame(group[0], fold), self.scratch)
        for trial, fit in zip(group, found, strict=True):
            self.record(trial, fold, fit.scored(self.rows.files, self.rows.work(trial, fold)))

    def record(self, trial: Trial, fold: int, fit: Fit) -> None:
        with self.lock:
            trial.confusions[fold], trial.seconds[fold] = fit.counts, fit.seconds
            trial.scorers[fold] = fit.scorer
            if self.is_complete(trial):
                self.keep_best(trial.classifier)
        self.progress.advance()

    def may_begin(self, group: Sequence[Trial]) -> bool:
        """Return whether there is time for trials; what has begun is finished."""
        indices = {trial.index for trial in group}
        with self.lock:
            if indices & self.first or time.monotonic() < self.deadline:
                self.begun |= indices
            return indices <= self.begun

    def is_complete(self, trial: Trial) -> bool:
        return len(trial.confusions) == len(self.rows.folds)

    def keep_best(self, classifier: str) -> None:
        """Drop the models of a classifier's complete trials, except the best's."""
        own = [trial for trial in self.trials if trial.classifier == classifier]
        complete = list(filter(self.is_complete, own))
        best = best_trials(complete)[classifier]
        for trial in complete:
            if trial is not best:
                trial.scorers.clear()

    def score(self, trials: Iterable[Trial]) -> None:
        """Keep what trials say of each fold's rows."""
        for trial in trials:
            for fold, scorer in trial.scorers.items():
                work = self.rows.work(trial, fold)
                trial.scored[fold] = held_out_scores(self.rows.files, work, scorer)


def _in_rounds(trials: Sequence[Trial]) -> Iterator[Trial]:
    """Yield the first point of each classifier, then the second of each and so on.

    The costliest come first in a round, which are the last given: no long fit should run alone at
    the end of the search.
    """
    by_classifier: dict[str, list[Trial]] = {}
    for trial in trials:
        by_classifier.setdefault(trial.classifier, []).append(trial)
    for round_ in zip_longest(*reversed(by_classifier.values())):
        yield from (trial for trial in round_ if trial is not None)
