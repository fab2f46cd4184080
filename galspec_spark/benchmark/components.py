"""Principal components of rest-frame spectra, from Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.feature import PCA as StockPCA
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.decomposition import PCA as ExactPCA

from galspec_spark.benchmark.measure import measure
from galspec_spark.ingest import ingest
from galspec_spark.ml.pca import PCA, components_of
from galspec_spark.parts import open_part
from galspec_spark.preprocess import preprocess
from galspec_spark.provenance import Run
from galspec_spark.tables import Warehouse


def compare_pca(
    spark: SparkSession, run: Run, files: list[str], scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Fit the components in three ways, with the Spark session started."""
    warehouse = Warehouse(scratch / "pca")
    ingest(spark, run, files, warehouse, run.config.ingest.release)
    preprocess(spark, run, warehouse)
    rows = warehouse.read(spark, "restframe").where("reason is null").select("flux")
    vectors = rows.select(array_to_vector(F.col("flux")).alias("vector"))
    k = run.config.train.components

    def ours() -> Any:
        return components_of(PCA(k=k, inputCol="flux", outputCol="pc").fit(rows))

    def mllib() -> Any:
        return StockPCA(k=k, inputCol="vector", outputCol="pc").fit(vectors).pc.toArray().T

    def exact() -> Any:
        columns = [open_part(part).read(["flux"])["flux"] for part in warehouse.parts("restframe")]
        chunks = pa.chunked_array([chunk for column in columns for chunk in column.chunks])
        flux = chunks.drop_null().combine_chunks()
        matrix = flux.flatten().to_numpy().reshape(len(flux), -1)
        return ExactPCA(k, svd_solver="covariance_eigh").fit(matrix).components_

    reference = exact()
    if not (np.abs((ours() * reference).sum(axis=1)) > 0.9999).all():
        raise AssertionError("our components differ from scikit-learn's")
    work = f"PCA({k}) of {rows.count()} spectra"
    return [
        measure(work, "ours, Spark", repeat, ours),
        measure(work, "scikit-learn, exact", repeat, exact),
        measure(work, "MLlib", 1, mllib),
    ]
