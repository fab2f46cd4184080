"""The search by Spark's own `CrossValidator`: slow, for comparison.

It has one column of features for all folds, so features are those fitted, and chosen, on the whole
training split: what a fold's rows look like leaks into its features, as it did in the paper.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pyspark.ml.tuning import CrossValidator

from galspec_spark.ml.labelled.features import ALL_FEATURES, FeatureTable
from galspec_spark.ml.labelled.fold_rows import FoldRows
from galspec_spark.ml.search.fits import NOTHING, Fit, Work, held_out_scores, saved, timed_fit
from galspec_spark.ml.search.points import trials_of
from galspec_spark.ml.search.search import VECTORS, Refit, SearchRows
from galspec_spark.ml.search.trial import Trial, best_trials


def search_by_spark(
    settings: Mapping[str, Any], table: FeatureTable, selected: Sequence[int], scratch: Path
) -> tuple[list[Trial], dict[str, Refit]]:
    """Cross-validate points of all classifiers, and fit the best of each on all rows.

    Parameters
    ----------
    settings
        Of Spark's `CrossValidator`; a `VectorSlicer` in the grid counts along `selected`.
    scratch
        Folder for Spark's models.
    """
    folds = settings["numFolds"]
    data = table.rows.where("fold is not null").select("label", "fold", ALL_FEATURES)
    trials = trials_of(CrossValidator(**settings)) or []
    points = []
    for trial, point in zip(trials, settings["estimatorParamMaps"], strict=True):
        indices = {trial.slicer.indices: [selected[i] for i in trial.features or ()]}
        points.append({**point, **indices})
    started = time.monotonic()
    validator = CrossValidator(**{**settings, "estimatorParamMaps": points}, collectSubModels=True)
    model: Any = validator.fit(data)
    seconds = (time.monotonic() - started) / (len(points) * folds)
    classes = int(pc.max(table.read("train", ["label"])["label"]).as_py()) + 1
    files = replace(table.fold_rows(folds), features=[ALL_FEATURES] * folds, classes=classes)
    rows = SearchRows(
        files, [data] * folds, data.withColumnRenamed(ALL_FEATURES, VECTORS), [selected] * folds
    )
    for trial in trials:
        for fold in range(folds):
            stage = saved(model.subModels[fold][trial.index].stages[-1], scratch)
            fit = Fit(trial.kind.read(stage), seconds, NOTHING)
            _record(trial, fit, rows.work(trial, fold), files)
    best = best_trials(trials)
    return trials, {name: _refit(trial, rows, scratch) for name, trial in best.items()}


def _record(trial: Trial, fit: Fit, work: Work, files: FoldRows) -> None:
    assert work.fold is not None
    fold = work.fold
    trial.confusions[fold] = fit.scored(files, work).counts
    trial.seconds[fold], trial.scorers[fold] = fit.seconds, fit.scorer
    trial.scored[fold] = held_out_scores(files, work, fit.scorer)


def _refit(trial: Trial, rows: SearchRows, scratch: Path) -> Refit:
    model, seconds = timed_fit(trial.estimator, rows.frame(trial, None))
    return Refit(model, trial.kind.read(saved(model, scratch)), seconds)
