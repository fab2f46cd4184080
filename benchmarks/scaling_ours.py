"""Components and three classifiers with Spark's default settings, from a table ``restframe``.

A script, for a process of its own: ``spark-submit scaling_ours.py TABLE``. Its last line is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.config import Config
from galspec_spark.harness.session import open_session
from galspec_spark.ml.classifiers.settings import FEATURES, build_classifiers
from galspec_spark.ml.features.projection import COMPONENTS, fit_components, project_all
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.tables import Warehouse


def main() -> None:
    """Run the script."""
    with open_session("galspec scaling", Config()) as spark:
        print(json.dumps(fit_all(spark, sys.argv[1])))  # noqa: T201 - a script


def fit_all(spark: SparkSession, table: str) -> dict[str, Any]:
    """Return the seconds of each stage and the weighted F1 of each classifier on the test split."""
    config = Config().train
    parts = Warehouse(Path(table).parent).parts("restframe")
    known = scan(spark, parts, ["fold"]).agg(F.count("*"), F.max("fold") + 1).first()
    assert known is not None
    rows, folds = known
    seconds, f1 = {}, {}
    started = time.perf_counter()
    components = fit_components(spark, parts, config, folds)  # of every fold, as in training
    seconds["components"] = time.perf_counter() - started

    started = time.perf_counter()
    features = project_all(spark, parts, components[-1:], config, rows)
    features = features.withColumnRenamed(COMPONENTS, FEATURES).persist()
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
    return build_classifiers(config.train)


def weighted_f1(predictions: DataFrame) -> float:
    """Return the class-weighted F1."""
    return float(MulticlassClassificationEvaluator(metricName="f1").evaluate(predictions))


if __name__ == "__main__":
    main()
