"""Principal components of rest-frame spectra, from Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.ml.feature import PCA as StockPCA
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from sklearn.decomposition import PCA as PeerPCA

from benchmarks.measure import measure
from benchmarks.simulated import read_flux, spectra_of, write_labelled
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.pca.estimator import PCA, principal_components
from galspec_spark.ml.pca.fold_moments import fold_moments
from galspec_spark.warehouse.sample import read_sample, write_sample
from galspec_spark.warehouse.schemas import SAMPLE
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

K = 20
#: How far the shares of the variance may be from ours, relative: scikit-learn computes in float32.
TOLERANCE = {"MLlib": 1e-6, "scikit-learn": 1e-2}
#: These take minutes: they run once, with nothing before.
SLOW = ("MLlib", "scikit-learn, full")

Variances = np.ndarray[Any, Any]


def compare_pca(spark: SparkSession, warehouse: Warehouse, repeat: int) -> list[dict[str, Any]]:
    """Fit the components in several ways, each from Parquet, with the Spark session started."""
    spectra = spectra_of(spark, warehouse)
    table = write_labelled(spectra, Path(warehouse.root.path, "labelled"))
    one_fold = in_one_fold(warehouse, spectra)
    ways: dict[str, Callable[[], Variances]] = {
        "ours, Spark": partial(_ours, spark, one_fold, warehouse.root / "scratch"),
        "our PCA of a DataFrame": partial(_ours_of_frame, spark, table),
        "MLlib": partial(_mllib, spark, table),
        "scikit-learn, full": partial(_scikit_learn, "full", table),
        "scikit-learn, covariance_eigh": partial(_scikit_learn, "covariance_eigh", table),
        "scikit-learn, arpack": partial(_scikit_learn, "arpack", table),
    }
    found: dict[str, Variances] = {}

    def run(way: str) -> None:
        found[way] = ways[way]()

    rows = spark.read.parquet(table).count()
    work = f"PCA({K}) of {rows} spectra from Parquet"
    results = []
    for way in ways:
        slow = way in SLOW
        result = measure(work, way, 1 if slow else repeat, partial(run, way), warm=not slow)
        apart = float(np.max(np.abs(found[way] / found["ours, Spark"] - 1)))
        results.append({**result, "spectra": rows, "variances_apart": apart})
    check_agreement(found)
    return results


def check_agreement(found: dict[str, Variances]) -> None:
    """Raise AssertionError where a way explains other shares of the variance than ours."""
    for way, variances in found.items():
        for kind, tolerance in TOLERANCE.items():
            if way.startswith(kind):
                message = f"{way} differs from ours"
                np.testing.assert_allclose(
                    variances, found["ours, Spark"], rtol=tolerance, err_msg=message
                )


def in_one_fold(warehouse: Warehouse, spectra: LabelledSpectra) -> LabelledSpectra:
    """Return the same spectra, all of them in one fold."""
    place = warehouse.root / "one_fold.parquet"
    rows = read_sample(warehouse, SAMPLE.names)
    fold = pa.array(np.zeros(len(rows)), pa.int32())
    write_sample(place, rows.set_column(SAMPLE.get_field_index("fold"), SAMPLE.field("fold"), fold))
    tasks = [[replace(part, sample=place) for part in task] for task in spectra.tasks]
    return replace(spectra, tasks=tasks)


def _ours(spark: SparkSession, spectra: LabelledSpectra, scratch: Location) -> Variances:
    return principal_components(fold_moments(spark, spectra, scratch)[0], K).explained_variance


def _ours_of_frame(spark: SparkSession, table: str) -> Variances:
    model = PCA(k=K, inputCol="flux").fit(spark.read.parquet(table))
    return np.array(model.explainedVariance)


def _mllib(spark: SparkSession, table: str) -> Variances:
    vectors = spark.read.parquet(table).select(array_to_vector(F.col("flux")).alias("vector"))
    model = StockPCA(k=K, inputCol="vector").fit(vectors)
    return np.array(model.explainedVariance)


def _scikit_learn(solver: str, table: str) -> Variances:
    fitted = PeerPCA(K, svd_solver=solver).fit(read_flux(table))
    return np.asarray(fitted.explained_variance_ratio_)
