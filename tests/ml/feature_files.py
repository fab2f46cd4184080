"""Features as training has them in files, made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.pca import KIND, Coefficients
from galspec_spark.ml.labelled.features import FeatureTable, feature_frame, fold_column
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.storage import Location


def feature_table(
    spark: SparkSession,
    folder: Path,
    values: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    parts: int = 1,
    negated: int | None = None,
) -> FeatureTable:
    """Write features (n, k) that are the same for every fold, but for one that has them negated."""
    count, k = values.shape
    columns = {
        "spectrum_id": pa.array([f"spectrum-{i:06d}" for i in range(count)]),
        "split": pa.repeat("train", count),
        "label": pa.array(labels, pa.int32()),
        "fold": pa.array(fold, pa.int32()),
        "sn_median": pa.array(np.linspace(5, 50, count), pa.float32()),
        **{
            fold_column(each): lists_of(-values if each == negated is not None else values)
            for each in (None, *range(fold.max() + 1))
        },
    }
    table = pa.table(columns)
    places = []
    for number, rows in enumerate(np.array_split(np.arange(count), parts)):
        places.append(Location.of(folder / f"part-{number}.parquet"))
        pq.write_table(table.take(rows), places[-1].path)
    features = Coefficients(Components(np.zeros(k), np.eye(k), np.full(k, 1 / k)), is_masked=False)
    return FeatureTable(KIND, features, places, feature_frame(spark, places).persist())
