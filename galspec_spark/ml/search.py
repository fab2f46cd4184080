"""Hyper-parameter search: Spark's CrossValidator over our folds.

The rows are narrow (some 20 numbers) and the fits are hundreds of short Spark jobs, so the time
goes into starting them: few partitions and several fits at once pay, more partitions do not.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.ml.evaluation import Evaluator
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import DataFrame

from galspec_spark.ml.classifiers import Classifier
from galspec_spark.ml.evaluation import Counts, classification_scores, confusion
from galspec_spark.progress import Progress

ROWS_PER_PARTITION = 50_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuned:
    """The best model of a search, fitted on the whole training split."""

    model: Any
    hyperparameters: dict[str, Any]
    out_of_fold: Counts  #: confusion of its settings, each row predicted without its own fold
    search_seconds: float
    fit_seconds: float


def tune(
    classifier: Classifier, train: DataFrame, folds: int, parallelism: int, what: str
) -> Tuned:
    """Find the settings with the best weighted F1 by cross-validation, then fit them on all rows.

    Parameters
    ----------
    train
        Cached; columns ``features``, ``label`` and ``fold`` (0 to folds - 1).
    parallelism
        Models fitted at once.
    what
        Names this search in its progress.
    """
    grid = [
        {**point, classifier.estimator.predictionCol: _prediction_column(index)}
        for index, point in enumerate(classifier.grid)
    ]
    evaluator = _FoldEvaluator(Progress(what, len(grid) * folds, "fits"))
    validator = CrossValidator(
        estimator=classifier.estimator,
        estimatorParamMaps=grid,
        evaluator=evaluator,
        numFolds=folds,
        foldCol="fold",
        parallelism=parallelism,
    )
    started = time.monotonic()
    fitted = validator.fit(train)
    model: Any = fitted.bestModel
    best = int(np.argmax(fitted.avgMetrics))
    hyperparameters = classifier.hyperparameters(classifier.grid[best])
    log.info("%s: %d fits, best weighted F1 %.4f", what, len(grid) * folds, fitted.avgMetrics[best])
    return Tuned(
        model=model.setPredictionCol("prediction"),
        hyperparameters=hyperparameters,
        out_of_fold=evaluator.out_of_fold[best],
        search_seconds=evaluator.finished - started,
        fit_seconds=time.monotonic() - evaluator.finished,
    )


def narrow_partitions(rows: int, cores: int) -> int:
    """Return into how many partitions to put so many rows of features."""
    return max(1, min(cores, rows // ROWS_PER_PARTITION))


class _FoldEvaluator(Evaluator):
    """Weighted F1 for the CrossValidator; keeps the confusion of each grid point, over all folds.

    The validator does not tell which point it evaluates, so each point predicts into a column of
    its own name.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.out_of_fold: dict[int, Counts] = defaultdict(lambda: np.zeros((2, 2), np.int64))
        self.finished = 0.0
        self._progress = progress
        self._lock = threading.Lock()

    def _evaluate(self, dataset: DataFrame) -> float:
        column = next(name for name in dataset.columns if name.startswith(_prediction_column("")))
        counts = confusion(dataset, column)
        with self._lock:
            self.out_of_fold[int(column.rpartition("_")[2])] += counts
            self.finished = time.monotonic()
        self._progress.advance()
        f1: float = classification_scores(counts)["f1"]
        return f1


def _prediction_column(index: int | str) -> str:
    return f"prediction_{index}"
