"""Hyper-parameter search by cross-validation over folds that have their own features.

The search finds the same as Spark's `CrossValidator` on the same folds (a test compares them).
`CrossValidator` refits the features in every fit or leaks them, searches one classifier at a time
and waits at the end of every fold. A fit is hundreds of short Spark jobs that leave the cores idle
between them, so here the fits of all classifiers, points and folds share one pool.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.feature import VectorSlicer
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from galspec_spark.config import SearchConfig
from galspec_spark.harness.progress import Progress
from galspec_spark.labels import Counts
from galspec_spark.ml.evaluation.scores import classification_scores, confusion
from galspec_spark.ml.labelled.features import ALL_FEATURES
from galspec_spark.ml.search.settings import FEATURES, Classifier, Point, score

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """Rows to fit and rows to score, with features that were fitted without the latter."""

    train: DataFrame  #: columns ``label`` and ``all_features`` (vector)
    validation: DataFrame  #: the same
    selected: list[int]  #: indices of the features to use, most important first

    def slicer(self, count: int) -> VectorSlicer:
        """Return the Spark transformer that picks the first `count` features."""
        return slicer(self.selected[:count])


@dataclass
class Trial:
    """One point of a search, in all folds."""

    classifier: Classifier
    point: Point
    confusions: dict[int, Counts] = field(default_factory=dict)  #: by fold
    seconds: dict[int, float] = field(default_factory=dict)  #: of the fits, which overlap
    models: dict[int, Any] = field(default_factory=dict)  #: kept for a classifier's best only
    #: By fold: ``label`` and `decision`; kept like the models. 10 bytes a row.
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


def slicer(selected: list[int]) -> VectorSlicer:
    """Return the Spark transformer that picks features by their indices."""
    return VectorSlicer(inputCol=ALL_FEATURES, outputCol=FEATURES, indices=selected)


def decision(classifier: str) -> list[Column]:
    """Return the columns of a model's decision: ``prediction``, and ``score``, which ranks."""
    return [F.col("prediction").cast("tinyint"), score(classifier).alias("score")]


def search(
    classifiers: Sequence[Classifier],
    folds: Sequence[Fold],
    limits: SearchConfig,
    parallelism: int,
    what: str,
) -> list[Trial]:
    """Cross-validate the points of all classifiers.

    Parameters
    ----------
    limits
        Limits of the search; each classifier's first point is always tried.
    parallelism
        Number of models fitted at once.
    what
        Name of this search in its progress.

    Returns
    -------
    list of Trial
        All points tried, in the order in which they began.
    """
    return _Search(classifiers, folds, limits, what).run(parallelism)


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
        folds: Sequence[Fold],
        limits: SearchConfig,
        what: str,
    ) -> None:
        self.folds, self.what = folds, what
        self.trials = list(_in_rounds(classifiers))
        if limits.max_fits is not None:
            del self.trials[max(len(classifiers), limits.max_fits // len(folds)) :]
        self.first = set(map(id, self.trials[: len(classifiers)]))
        self.begun: set[int] = set()
        minutes = np.inf if limits.max_minutes is None else limits.max_minutes
        self.deadline = time.monotonic() + 60 * minutes
        self.progress = Progress(what, len(self.trials) * len(folds), "fits")
        self.lock = threading.Lock()

    def run(self, parallelism: int) -> list[Trial]:
        with ThreadPoolExecutor(parallelism) as pool:
            fits = [
                pool.submit(self.fit, trial, number)
                for trial in self.trials
                for number in range(len(self.folds))
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
        return tried

    def fit(self, trial: Trial, number: int) -> None:
        if not self.may_begin(trial):
            return
        fold, features = self.folds[number], self.folds[number].slicer(trial.point.n_features)
        started = time.monotonic()
        model = trial.classifier.estimator.fit(features.transform(fold.train), trial.point.params)
        seconds = time.monotonic() - started
        predictions = model.transform(features.transform(fold.validation))
        label = F.col("label").cast("tinyint")
        scored = predictions.select(label, *decision(trial.classifier.name)).toArrow()
        counts = confusion(scored["label"], scored["prediction"])
        with self.lock:
            trial.confusions[number], trial.seconds[number] = counts, seconds
            trial.models[number], trial.scored[number] = model, scored
            if len(trial.confusions) == len(self.folds):
                self.keep_best(trial.classifier.name)
        self.progress.advance()

    def may_begin(self, trial: Trial) -> bool:
        """Return whether there is time for a trial; a trial that has begun is finished."""
        with self.lock:
            if id(trial) in self.first or time.monotonic() < self.deadline:
                self.begun.add(id(trial))
            return id(trial) in self.begun

    def keep_best(self, name: str) -> None:
        """Drop the models and scores of a classifier's complete trials, except the best's."""
        complete = [
            trial
            for trial in self.trials
            if trial.classifier.name == name and len(trial.confusions) == len(self.folds)
        ]
        best = best_trials(complete)[name]
        for trial in complete:
            if trial is not best:
                trial.models.clear()
                trial.scored.clear()


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
