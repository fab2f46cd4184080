"""The whole experiment by Spark's own means, beside ours: the oracle, and the ratio of both.

The stock way reads files by Spark, moves spectra by pandas UDFs, and searches with Spark's
CrossValidator over pipelines of Spark's PCA and classifiers, so that each fit has components of its
own, as ours have.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.ml import Pipeline
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from galspec_spark.api.frame import preprocess_frame
from galspec_spark.config import Config
from galspec_spark.datasource.source import GalspecDataSource
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.ml.features.components import upright
from galspec_spark.ml.features.pca import KIND, Settings
from galspec_spark.ml.pca.estimator import components_of
from galspec_spark.ml.search.settings import Classifier, build_classifiers
from galspec_spark.preprocess.objects import find_objects
from galspec_spark.preprocess.selection import positions, splits
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.spectrum.arrays import Doubles, rows_of
from galspec_spark.train.stage import train
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.tables import Warehouse

STAGES = ("ingest", "preprocess", "components", "search")


@dataclass(frozen=True)
class Found:
    """What one way found, and how long its stages took."""

    seconds: dict[str, float]
    used: dict[str, str]  #: split, or fold of the training split, by ``spectrum_id``
    components: Doubles  #: (k, pixels), of the whole training split
    f1: dict[str, float]  #: best mean of the folds, by classifier
    settings: dict[str, dict[str, Any]]  #: that give it


def compare_stock(
    spark: SparkSession, config: Config, source: str, scratch: Path
) -> list[dict[str, Any]]:
    """Run both ways on the same files, each once, and state where they differ."""
    ways = {
        "ours": our_experiment(spark, config, source, scratch / "ours"),
        "Spark's own means": stock_experiment(spark, config, source, scratch / "stock"),
    }
    ours, stock = ways.values()
    agreement = {
        "is_same_sample": ours.used == stock.used,
        "least_cosine": float((ours.components * stock.components).sum(axis=1).min()),
        "settings": {way: found.settings for way, found in ways.items()},
    }
    return [
        {
            "work": f"the experiment, {len(ours.used)} labelled spectra: {stage}",
            "way": way,
            "seconds": found.seconds[stage],
            "runs": [found.seconds[stage]],
            "f1": found.f1 if stage == "search" else {},
            **agreement,
        }
        for stage in STAGES
        for way, found in ways.items()
    ]


def our_experiment(spark: SparkSession, config: Config, source: str, folder: Path) -> Found:
    """Run our stages."""
    warehouse = Warehouse(folder / "warehouse")
    seconds: dict[str, float] = {}
    with timed(seconds, "ingest"):
        ingest(spark, Run.start("ingest", config), [source], warehouse, config.ingest.release)
    with timed(seconds, "preprocess"):
        preprocess(spark, Run.start("preprocess", config), warehouse)
    output = folder / "run"
    train(spark, Run.start("train", config), warehouse, output, None)
    metrics = json.loads((output / "metrics.json").read_text())
    seconds["components"] = metrics["seconds"]["features"]
    seconds["search"] = metrics["seconds"]["all features"]
    rows = read_sample(warehouse, ["spectrum_id", "label", "reason", "split", "fold"]).to_pandas()
    components = np.load(next(output.rglob("components.npz")))["vectors"]
    searched = metrics["features"][KIND.name]["search"][f"all {len(components)}"]["trials"]
    f1: dict[str, float] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for trial in searched:
        name = trial["classifier"]
        if name not in f1 or trial["f1"] > f1[name]:
            f1[name], chosen[name] = trial["f1"], trial["chosen"]
    return Found(seconds, _used(rows), components, f1, chosen)


def stock_experiment(spark: SparkSession, config: Config, source: str, folder: Path) -> Found:
    """Run the same by Spark."""
    spark.dataSource.register(GalspecDataSource)
    spectra, restframe = (str(folder / name) for name in ("spectra", "restframe"))
    seconds: dict[str, float] = {}
    with timed(seconds, "ingest"):
        reader = spark.read.format("galspec").option("release", config.ingest.release)
        reader.load(source).write.parquet(spectra)
    with timed(seconds, "preprocess"):
        preprocess_frame(spark.read.parquet(spectra), config.preprocess).write.parquet(restframe)
        decided = _with_splits(spark.read.parquet(restframe), config)
    pca = PCA(k=_settings(config).n_components, inputCol="spectrum", outputCol="features")
    with timed(seconds, "components"):
        training = _training_vectors(decided).persist()
        model = pca.fit(training)
    with timed(seconds, "search"):
        classifiers = build_classifiers(config.train, KIND)
        searched = {each.name: _searched(each, pca, training, config) for each in classifiers}
    training.unpersist()
    narrow = decided.select("spectrum_id", "label", "reason", "split", "fold").toPandas()
    f1 = {name: average for name, (average, _) in searched.items()}
    settings = {name: chosen for name, (_, chosen) in searched.items()}
    return Found(seconds, _used(narrow), upright(components_of(model)), f1, settings)


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Take the time of a stage."""
    started = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - started


def _used(rows: pd.DataFrame) -> dict[str, str]:
    used = rows[rows["reason"].isna() & rows["label"].notna()]
    is_test = used["split"] == "test"
    places = np.where(is_test, "test", used["fold"].astype("string").fillna(""))
    return dict(zip(used["spectrum_id"], places, strict=True))


def _with_splits(rows: DataFrame, config: Config) -> DataFrame:
    """Add ``split`` and ``fold`` of each spectrum's object, which graphs of few numbers give."""
    narrow = rows.select(
        "spectrum_id", F.col("object_id").alias("survey_object_id"), "ra", "dec"
    ).toArrow()
    nothing, first = pa.nulls(len(narrow), pa.string()), pa.repeat("first", len(narrow))
    objects = find_objects(narrow, nothing, first)
    place = positions(objects.name.to_pylist(), config.preprocess.seed)
    is_test, fold = splits(place, config.preprocess)
    known = {
        "spectrum_id": narrow["spectrum_id"],
        "split": np.where(is_test, "test", "train"),
        "fold": pa.array(fold, pa.int32(), mask=is_test),
    }
    found = rows.sparkSession.createDataFrame(pa.table(known))
    return rows.join(found.dropDuplicates(["spectrum_id"]), "spectrum_id")


def _training_vectors(rows: DataFrame) -> DataFrame:
    """Return label, fold and ``spectrum`` of the training split, gaps filled by its mean."""
    training = rows.where("reason is null and label is not null and fold is not null")
    pixels = training.select(F.posexplode(F.arrays_zip("flux", "ivar")).alias("pixel", "value"))
    means = pixels.where("value.ivar > 0").groupBy("pixel").agg(F.avg("value.flux").alias("mean"))
    mean = means.orderBy("pixel").toPandas()["mean"].to_numpy(np.float32)
    spectrum = array_to_vector(_filled(mean)("flux", "ivar"))
    return training.orderBy("spectrum_id").select("label", "fold", spectrum.alias("spectrum"))


def _filled(mean: np.ndarray[Any, Any]) -> Any:
    @pandas_udf("array<float>")  # type: ignore[call-overload, untyped-decorator]
    def fill(flux: pd.Series, ivar: pd.Series) -> pd.Series:
        values, weights = (rows_of(pa.array(each)) for each in (flux, ivar))
        return pd.Series(list(np.where(weights > 0, values, mean)))

    return fill


def _settings(config: Config) -> Settings:
    settings = config.train.features[KIND.name]
    assert isinstance(settings, Settings)
    return settings


def _searched(
    classifier: Classifier, pca: PCA, rows: DataFrame, config: Config
) -> tuple[float, dict[str, Any]]:
    """Return the best mean F1 of a classifier, and the settings that give it."""
    validator = CrossValidator(
        estimator=Pipeline(stages=[pca, classifier.estimator]),
        estimatorParamMaps=[point.params for point in classifier.points],
        evaluator=MulticlassClassificationEvaluator(metricName="f1"),
        numFolds=config.preprocess.folds,
        foldCol="fold",
        parallelism=rows.sparkSession.sparkContext.defaultParallelism,
    )
    averages = validator.fit(rows).avgMetrics
    best = int(np.argmax(averages))
    chosen = classifier.points[best].params.items()
    return averages[best], {param.name: value for param, value in chosen}
