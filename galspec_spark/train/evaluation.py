"""Measurements of a training run: every score of every classifier, put into `Metrics`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.harness.run import Run
from galspec_spark.ml.evaluation.census import Census
from galspec_spark.ml.evaluation.label_noise import LabelNoise
from galspec_spark.ml.evaluation.metrics import Metrics, Result
from galspec_spark.ml.evaluation.scores import Curves
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.labelled.features import ALL_FEATURES, FeatureTable
from galspec_spark.ml.model.profile import QUANTITIES, Profile, take_profile
from galspec_spark.ml.model.write import best_model
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.importance import importance_of
from galspec_spark.ml.search.scorecard import KNOWN, evaluate, evaluate_in_bins, predict
from galspec_spark.spectrum.grid import GRID_ID
from galspec_spark.train.results import Trials, search_summary

#: Most training spectra that the profile is measured on, about.
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class Evaluation:
    """Measurements on the test split, and on the training split for the profile."""

    predictions: pa.Table  #: from `predict`
    results: list[Result]
    curves: list[Curves]
    bins: dict[str, Any]
    importance: dict[str, dict[str, Any]]  #: by kind of features
    best: int  #: index of the best result
    profile: Profile


def evaluate_all(
    trained: list[Trained], tables: Sequence[FeatureTable], census: Census, seed: int
) -> Evaluation:
    """Measure all classifiers on the test split, choose the best, and profile the training set."""
    columns = [*KNOWN, ALL_FEATURES]
    tests = {table.kind.name: table.read("test", columns) for table in tables}
    predictions, seconds = predict(trained, tests)
    scores, curves = evaluate(trained, predictions, seconds, census.classes, seed)
    importance = {
        name: importance_of(
            [model for model in trained if model.features.kind == name],
            table.features,
            tests[name],
            census.classes.positive,
            seed,
        )
        for table in tables
        for name in (table.kind.name,)
    }
    results = [Result.model_validate(score) for score in scores]
    best = best_model(trained, results)
    agn = census.classes.positive
    called_agn = pc.sum(pc.equal(predictions[f"called_{best}"], agn)).as_py()
    (used,) = (table for table in tables if table.kind.name == results[best].kind)
    profile = take_profile(
        training_rows(used),
        tests[used.kind.name],
        used.features.names,
        census,
        called_agn,
    )
    bins = evaluate_in_bins(predictions, len(trained), len(census.classes))
    return Evaluation(predictions, results, curves, bins, importance, best, profile)


def assemble(
    run: Run,
    census: Census,
    file_counts: Mapping[str, int | None],
    seconds: Mapping[str, float],
    tables: Sequence[FeatureTable],
    search: Mapping[str, Trials],
    evaluation: Evaluation,
    seen: Mapping[str, int],
    noise: LabelNoise | None,
) -> Metrics:
    """Return the content of ``metrics.json``; `seen` is from `seen_by_templates`."""
    content = {
        "job": run.job,
        **run.columns(),
        "grid": GRID_ID,
        "data": census.data(),
        "counts": {**file_counts, **census.counts()},
        "left_out": census.left_out(),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "features": {
            table.kind.name: {
                "names": table.features.names,
                "seen_by_templates": seen[table.kind.name],
                "explained_variance": table.features.explained_variance,
                "importance": evaluation.importance[table.kind.name],
                "search": search_summary(search[table.kind.name]),
            }
            for table in tables
        },
        "classes": census.classes.names,
        "results": evaluation.results,
        "best": evaluation.best,
        "bins": evaluation.bins,
        "majority_f1": census.majority_f1(),
        "label_noise": noise,
    }
    return Metrics.model_validate(content)


def training_rows(table: FeatureTable) -> pa.Table:
    """Return the columns of the training split that `take_profile` needs."""
    wanted = [*QUANTITIES, RECONSTRUCTION_ERROR, ALL_FEATURES]
    rows = table.read("train", wanted, most=MOST_ROWS)
    return rows.rename_columns([*wanted[:-1], "features"])
