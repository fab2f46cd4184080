"""Uses the features of Spark that the jobs use; tools/setup.sh archives the classes so loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import (
    GBTClassifier,
    LinearSVC,
    LogisticRegression,
    RandomForestClassifier,
)
from pyspark.ml.feature import PCA, VectorSlicer
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def query(spark: SparkSession, table: str) -> DataFrame:
    """Write and read a table, pass it through Python, join, group and sort it."""
    rows = spark.range(200, numPartitions=2).select(
        "id", F.xxhash64("id").alias("hash"), (F.col("id") % 2).cast("double").alias("label")
    )
    rows.write.parquet(table)
    columns = spark.read.parquet(table).select("id", "label")
    read = columns.mapInArrow(lambda batches: batches, columns.schema)
    grouped = read.groupBy("label").agg(F.count("*").alias("count"), F.max("id").alias("last"))
    grouped.join(rows, grouped.last == rows.id).orderBy("id").collect()
    spark.sparkContext.parallelize(range(4), 2).map(lambda number: number + 1).collect()
    return read


def fit(rows: DataFrame, folder: Path) -> None:
    """Fit a pipeline with each classifier; save it, load it and apply it."""
    numbers = F.array(*[F.sin(F.col("id") * factor) for factor in (1, 2, 3)])
    vectors = rows.select("label", array_to_vector(numbers).alias("vector")).persist()
    classifiers = (
        LogisticRegression(maxIter=2),
        LinearSVC(maxIter=2),
        RandomForestClassifier(numTrees=2, maxDepth=2),
        GBTClassifier(maxIter=2, maxDepth=2),
    )
    for number, classifier in enumerate(classifiers):
        steps = [
            PCA(k=3, inputCol="vector", outputCol="components"),
            VectorSlicer(inputCol="components", outputCol="features", indices=[0, 1]),
            classifier,
        ]
        path = str(folder / f"model{number}")
        Pipeline(stages=steps).fit(vectors).write().save(path)
        scored = PipelineModel.load(path).transform(vectors)
        scored.select(vector_to_array("rawPrediction")).toArrow()


def main() -> None:
    """Run each use once, in a temporary folder."""
    spark = SparkSession.builder.getOrCreate()
    with tempfile.TemporaryDirectory() as folder:
        fit(query(spark, f"{folder}/table"), Path(folder))
    spark.stop()


if __name__ == "__main__":
    main()
