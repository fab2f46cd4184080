"""Components and three classifiers with Spark's default settings, from a warehouse.

A script, for a process of its own: ``spark-submit scaling_ours.py TABLE``. Its last line is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pyarrow.compute as pc
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.sql import DataFrame, SparkSession

from benchmarks.simulated import spectra_of
from galspec_spark.config import Config
from galspec_spark.harness.session import open_session
from galspec_spark.ml.features.pca import KIND, Settings
from galspec_spark.ml.labelled.features import ALL_FEATURES, feature_table
from galspec_spark.ml.pca.fit import fit
from galspec_spark.ml.search.settings import FEATURES, build_classifiers
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.tables import Warehouse


def main() -> None:
    """Run the script."""
    with open_session("galspec scaling", Config()) as spark:
        print(json.dumps(fit_all(spark, sys.argv[1])))  # noqa: T201 - a script


def fit_all(spark: SparkSession, folder: str) -> dict[str, Any]:
    """Return the seconds of each stage and the weighted F1 of each classifier on the test split."""
    warehouse = Warehouse(folder)
    rows = read_sample(warehouse, ["split", "fold"])
    folds = pc.max(rows["fold"]).as_py() + 1
    seconds, f1 = {}, {}
    started = time.perf_counter()
    spectra = spectra_of(spark, warehouse)
    # Of every fold, as in training.
    fitted = fit(spark, spectra, Settings(), folds, warehouse.root / "scratch")
    seconds["components"] = time.perf_counter() - started

    started = time.perf_counter()
    files = warehouse.root / "scratch" / "features"
    files.make_folder()
    features = feature_table(spark, spectra, KIND, fitted[-1:], files).rows
    features = features.withColumnRenamed(ALL_FEATURES, FEATURES).persist()
    features.count()
    seconds["projection"] = time.perf_counter() - started
    for classifier in default_classifiers():
        started = time.perf_counter()
        model = classifier.estimator.fit(features.where("split = 'train'"))
        seconds[classifier.name] = time.perf_counter() - started
        f1[classifier.name] = weighted_f1(model.transform(features.where("split = 'test'")))
    return {"seconds": {stage: round(s, 3) for stage, s in seconds.items()}, "f1": f1}


def default_classifiers() -> list[Any]:
    """Return the three classifiers as Spark has them."""
    names = ("logistic_regression", "linear_svc", "random_forest")
    config = Config.model_validate({"train": {"classifiers": {name: {} for name in names}}})
    return build_classifiers(config.train, KIND)


def weighted_f1(predictions: DataFrame) -> float:
    """Return the class-weighted F1."""
    return float(MulticlassClassificationEvaluator(metricName="f1").evaluate(predictions))


if __name__ == "__main__":
    main()
