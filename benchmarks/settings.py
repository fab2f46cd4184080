"""What the settings of Spark's solvers cost and buy: one changed at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.measure import measure
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.evaluation.scores import classification_scores, confusion

#: Of each classifier: what all variants share, and the variants. The first is ours.
VARIANTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "logistic_regression": (
        {"regParam": 0.001},
        [
            {"tol": 1e-6},
            {"tol": 1e-4},
            {"tol": 1e-6, "maxIter": 10},
            {"tol": 1e-6, "maxBlockSizeInMB": 0.1},
            {"tol": 1e-6, "partitions": 2},
            {"tol": 1e-6, "partitions": 8},
        ],
    ),
    "linear_svc": (
        {"regParam": 0.001},
        [
            {"tol": 1e-3, "maxIter": 50},
            {"tol": 1e-6, "maxIter": 100},
            {"tol": 1e-2, "maxIter": 30},
            {"tol": 1e-3, "maxIter": 50, "partitions": 2},
            {"tol": 1e-3, "maxIter": 50, "partitions": 8},
        ],
    ),
    "random_forest": (
        {"impurity": "entropy", "maxDepth": 10, "seed": 1},
        [
            {"numTrees": 100, "cacheNodeIds": True},
            {"numTrees": 100, "cacheNodeIds": False},
            {"numTrees": 100, "cacheNodeIds": True, "maxMemoryInMB": 2048},
            {"numTrees": 100, "cacheNodeIds": True, "maxBins": 16},
            {"numTrees": 100, "cacheNodeIds": True, "partitions": 2},
            {"numTrees": 50, "cacheNodeIds": True},
            {"numTrees": 20, "cacheNodeIds": True},
        ],
    ),
}


def compare_settings(spark: SparkSession, vectors: Path, repeat: int) -> list[dict[str, Any]]:
    """Fit each classifier with each variant on all folds but the first, and score it on that.

    Parameters
    ----------
    vectors
        Parquet with ``label``, ``fold`` and ``features`` (array).
    """
    rows = spark.read.parquet(str(vectors)).select(
        "label", "fold", array_to_vector(F.col("features")).alias("features")
    )
    held_out = rows.where("fold = 0").coalesce(1).persist()
    by_partitions: dict[int, DataFrame] = {}
    results = []
    for name, (shared, variants) in VARIANTS.items():
        for number, variant in enumerate(variants):
            settings = dict(variant)
            partitions = settings.pop("partitions", 1)
            if partitions not in by_partitions:
                by_partitions[partitions] = (
                    rows.where("fold != 0").repartition(partitions).persist()
                )
            train = by_partitions[partitions]
            estimator = CLASSIFIERS[name].new_estimator(**shared, **settings)
            variation = ", ".join(f"{key} {value}" for key, value in variant.items())
            result = measure(
                f"fit one {name} on {train.count()} rows",
                f"ours: {variation}" if number == 0 else variation,
                repeat,
                lambda estimator=estimator, train=train: estimator.fit(train),  # type: ignore[misc]
            )
            predicted = estimator.fit(train).transform(held_out)
            decisions = predicted.select("label", "prediction").toArrow()
            counts = confusion(decisions["label"], decisions["prediction"], 2)
            scores = classification_scores(counts)
            results.append({**result, "f1": {"weighted": scores["f1"], "AGN": scores["agn_f1"]}})
    for frame in (held_out, *by_partitions.values()):
        frame.unpersist()
    return results
