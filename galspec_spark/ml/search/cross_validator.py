"""Spark's `CrossValidator`, with fits in numpy where there are such, and all classifiers at once.

A drop-in: the same parameters, folds, averages and choice. It is as fast as the data allow where
the classifiers are of the registry, labels are 0, 1, ..., and the metric follows from the confusion
matrix; else it is Spark's own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml import Pipeline, PipelineModel, tuning
from pyspark.ml.functions import vector_to_array
from pyspark.ml.util import DefaultParamsReader
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.labelled.fold_rows import FoldRows
from galspec_spark.ml.search.own_params import OwnParams
from galspec_spark.ml.search.points import source_of, trials_of
from galspec_spark.ml.search.search import VECTORS, Limits, Refit, SearchRows, refit, search
from galspec_spark.ml.search.trial import Trial, best_trials, out_of_fold
from galspec_spark.warehouse.frames import write_parts
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location

#: Column of the folds that are drawn.
DRAWN = "drawn_fold"
#: Labels are less: of each pair of classes there is a count.
MOST_CLASSES = 100
#: Our own parameters, and those without which the result would be another.
OWN = ("foldFeatures", "selection", "idCol", "maxFits", "maxMinutes", "scratchDir")
DECISIVE = ("foldFeatures", "selection", "maxFits", "maxMinutes")

log = logging.getLogger(__name__)


class CrossValidator(tuning.CrossValidator, OwnParams):
    """Cross-validation over folds, as `pyspark.ml.tuning.CrossValidator`.

    To search several classifiers in one pool, let the estimator be `Pipeline(stages=[])`, and
    the grid choose its ``stages``.

    Parameters
    ----------
    foldFeatures : list of str, optional
        For each fold the column of features that were fitted without its rows, so that none leaks;
        they take the place of the estimator's own, on which the best model is fitted.
    selection : list of list of int, optional
        Features to use, most important first: for each fold those chosen without its rows, and
        last those chosen on all rows. A `VectorSlicer` before the classifier counts along them.
    idCol : str, optional
        Column that identifies a row in `CrossValidatorModel.outOfFold`.
    maxFits, maxMinutes : number, optional
        The budget: points that it does not reach have the average NaN. Each classifier's first
        point is always tried.
    scratchDir : str, optional
        Existing folder that all machines see, in which the rows and Spark's models stay. On a
        cluster, without it all is Spark's own.
    files : list of Location, optional
        Parquet files of the same rows, with features as lists, if there are such.
    what : str, optional
        Name of this search in its progress.
    **stock
        Spark's own parameters.
    """

    def __init__(
        self,
        *,
        foldFeatures: Sequence[str] | None = None,
        selection: Sequence[Sequence[int]] | None = None,
        idCol: str | None = None,
        maxFits: int | None = None,
        maxMinutes: float | None = None,
        scratchDir: str | None = None,
        files: Sequence[Location] = (),
        what: str = "cross-validation",
        **stock: Any,
    ) -> None:
        super().__init__(**stock)
        given = (foldFeatures, selection, idCol, maxFits, maxMinutes, scratchDir)
        for name, value in zip(OWN, given, strict=True):
            if value is not None:
                self._set(**{name: value})
        self.files, self.what = files, what

    def _fit(self, dataset: DataFrame) -> tuning.CrossValidatorModel:
        trials = trials_of(self)
        if trials is None:
            return self._stock(dataset, "an estimator, a metric or a parameter has no other way")
        with self._scratch(dataset) as scratch:
            if scratch is None:
                return self._stock(dataset, "machines of a cluster need scratchDir")
            rows = self._rows(dataset, trials[0], scratch)
            classes = self._classes(rows.files)
            if classes is None:
                return self._stock(dataset, f"labels are not 0, 1, ... below {MOST_CLASSES}")
            if not all(trial.is_for(classes) for trial in trials):
                return self._stock(dataset, f"a classifier is not made for {classes} classes")
            rows = replace(rows, files=replace(rows.files, classes=classes))
            limits = Limits(self._own("maxFits"), self._own("maxMinutes"))
            tried = search(trials, rows, limits, self.getParallelism(), self.what, scratch)
            best = best_trials(tried)
            refits = {name: refit(trial, rows, scratch) for name, trial in best.items()}
        return self._copyValues(self._model(tried, best, refits, rows))

    def _stock(self, dataset: DataFrame, why: str) -> tuning.CrossValidatorModel:
        if needed := list(filter(self.isSet, DECISIVE)):
            raise ValueError(f"cross-validation with {', '.join(needed)} is not possible: {why}")
        log.info("cross-validation by Spark: %s", why)
        return super()._fit(dataset)

    def _own(self, name: str) -> Any:
        return self.getOrDefault(name) if self.isSet(name) else None

    @contextmanager
    def _scratch(self, dataset: DataFrame) -> Iterator[Path | None]:
        given = self._own("scratchDir")
        is_local = str(dataset.sparkSession.sparkContext.master).startswith("local")
        if given or not is_local:
            yield Path(given) if given else None
            return
        with TemporaryDirectory() as folder:
            yield Path(folder)

    def _rows(self, dataset: DataFrame, trial: Trial, scratch: Path) -> SearchRows:
        label, source, name = trial.params["labelCol"], source_of(trial), self.getFoldCol() or DRAWN
        folds = range(self.getNumFolds())
        columns = self._own("foldFeatures") or [source for _ in folds]
        if self.getFoldCol():
            others, table = [dataset.where(F.col(name) != n) for n in folds], dataset
        else:
            pairs = self._kFold(dataset)
            others = [training for training, _ in pairs]
            held = [held_out.withColumn(DRAWN, F.lit(n)) for n, (_, held_out) in enumerate(pairs)]
            table = reduce(DataFrame.unionAll, held)
        narrow = [label, name, *filter(None, [self._own("idCol")])]
        vectors = dict.fromkeys([*columns, source])
        arrays = [vector_to_array(F.col(each)).alias(each) for each in vectors]
        parts = self.files or write_parts(table.select(*narrow, *arrays), Location.of(scratch))
        return SearchRows(
            FoldRows(parts, label, name, columns, source, self._own("idCol")),
            [
                rows.select(label, F.col(column).alias(VECTORS))
                for rows, column in zip(others, columns, strict=True)
            ],
            dataset.select(label, F.col(source).alias(VECTORS)),
            self._own("selection"),
        )

    def _classes(self, files: FoldRows) -> int | None:
        """Return how many labels there are from 0; None if others; check folds as Spark does."""
        if not files.parts:
            raise ValueError("The validation data at fold 0 is empty.")
        tables = [open_part(part).read([files.label, files.fold]) for part in files.parts]
        rows = pa.concat_tables(tables).drop_null()
        found = set(rows[files.fold].unique().to_pylist())
        expected = set(range(self.getNumFolds()))
        if found - expected:
            wrong = min(found - expected)
            limit = self.getNumFolds()
            raise ValueError(f"Fold number must be in range [0, {limit}), but got {wrong}")
        if found != expected:
            raise ValueError(f"The validation data at fold {min(expected - found)} is empty.")
        labels = set(rows[files.label].unique().to_pylist())
        return max(2, int(max(labels)) + 1) if labels <= set(range(MOST_CLASSES)) else None

    def _model(
        self,
        tried: list[Trial],
        best: dict[str, Trial],
        refits: dict[str, Refit],
        rows: SearchRows,
    ) -> CrossValidatorModel:
        average = np.full(len(self.getEstimatorParamMaps()), np.nan)
        deviation = average.copy()
        for trial in tried:
            average[trial.index], deviation[trial.index] = trial.score, np.std(trial.fold_scores)
        chosen = min(best.values(), key=lambda trial: (-trial.score, trial.index))
        model = refits[chosen.classifier].model
        if isinstance(self.getEstimator(), Pipeline):
            stages = [model]
            if chosen.slicer is not None:
                stages.insert(0, chosen.slicer.copy().setIndices(rows.selected(chosen, None)))
            model = PipelineModel(stages)
        return CrossValidatorModel(model, average.tolist(), deviation.tolist(), tried, refits)

    def write(self) -> Any:
        """Return a writer, Spark's own."""
        if any(map(self.isSet, OWN)):
            return tuning.CrossValidatorWriter(self)
        return super().write()

    @classmethod
    def read(cls) -> Any:
        """Return a reader of what `write` wrote."""
        return _Reader(cls)


class _Reader(tuning.CrossValidatorReader):
    """Spark's reader, which makes validators of our class."""

    def load(self, path: str) -> CrossValidator:
        metadata = DefaultParamsReader.loadMetadata(path, self.sparkSession)
        if metadata["class"].startswith("galspec_spark"):  # written in Python, as Spark's own are
            metadata["class"] = "pyspark.ml.tuning.CrossValidator"
        metadata, estimator, evaluator, points = tuning._ValidatorSharedReadWrite.load(
            path, self.sparkSession, metadata
        )
        found = CrossValidator(
            estimator=estimator, estimatorParamMaps=points, evaluator=evaluator
        )._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(found, metadata, skipParams=["estimatorParamMaps"])
        return found


class CrossValidatorModel(tuning.CrossValidatorModel):
    """Spark's model, saved as such, with what else the search found.

    Attributes
    ----------
    trials
        All points tried.
    refits
        By classifier, its best point fitted on all rows.
    """

    def __init__(
        self,
        best: Any,
        average: list[float],
        deviation: list[float],
        trials: list[Trial],
        refits: dict[str, Refit],
    ) -> None:
        super().__init__(best, average, None, deviation)
        self.trials, self.refits = trials, refits

    @property
    def outOfFold(self) -> pa.Table:  # Spark's way to write names
        """What each classifier's best point says of each row, fitted without the row's fold.

        Columns ``classifier``, ``point`` (its place in the grid), ``fold``, ``label``,
        ``prediction``, ``score``, and the identifier.
        """
        return out_of_fold(self.trials)
