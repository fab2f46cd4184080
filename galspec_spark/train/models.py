"""From labelled spectra to trained classifiers, one kind of features at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.config import TrainConfig
from galspec_spark.harness.progress import spark_progress
from galspec_spark.ml.evaluation.census import Census
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.labelled.features import FeatureTable, feature_table
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.search.compare import FeatureSet, Trained, Tried, compare
from galspec_spark.ml.search.importance import FOREST, elimination
from galspec_spark.ml.search.settings import Classifier
from galspec_spark.warehouse.storage import Location


@dataclass(frozen=True)
class Context:
    """What training has at hand."""

    spark: SparkSession
    config: TrainConfig
    spectra: LabelledSpectra
    census: Census
    scratch: Location  #: folder that all machines see
    seconds: dict[str, float]  #: by stage


def make_features(context: Context, kind: FeatureKind) -> FeatureTable:
    """Fit features for each fold and the whole training split, and compute all of them."""
    spark, spectra, census = context.spark, context.spectra, context.census
    settings, labelled = context.config.features[kind.name], int(census.counts()["labelled"])
    folder = context.scratch / kind.name
    folder.make_folder()
    with timed(context.seconds, "features"):
        with spark_progress(spark, f"train, {kind.label}", census.count(split="train"), "spectra"):
            fitted = kind.resolve(kind.fit)(spark, spectra, settings, census.folds, context.scratch)
        with spark_progress(spark, f"train, features, {kind.name}", labelled, "spectra"):
            return feature_table(spark, spectra, kind, fitted, folder)


def train_all(
    context: Context, classifiers: Sequence[Classifier], table: FeatureTable
) -> tuple[list[Trained], dict[str, list[Tried]]]:
    """Train with all features, then with the features that the forest ranks highest."""
    config, scratch = context.config, Path(context.scratch.path)
    count = len(table.features.names)
    features = FeatureSet.everything(table.kind.name, count, context.census.folds)
    with timed(context.seconds, "all features"):
        trained, tried = compare(classifiers, table, features, config, scratch)
    search = {features.name: tried}
    forest = next((model for model in trained if model.classifier == FOREST), None)
    if forest is not None:
        best = elimination(forest, count, config.n_best)
        with timed(context.seconds, "elimination"):
            more, search[best.name] = compare(classifiers, table, best, config, scratch)
        trained += more
    return trained, search


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds of a stage, which may have several parts."""
    started = time.monotonic()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.monotonic() - started
