"""From rest-frame spectra to features: components of every training fold, and all coefficients.

Cross-validation is honest only where the rows it scores had no part in anything that was fitted. So
each fold has components of its own, from the spectra outside of it, and each spectrum has its
coefficients under all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.ml import feature
from pyspark.ml.functions import array_to_vector
from pyspark.ml.stat import Summarizer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.config import TrainConfig
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import fill_gaps
from galspec_spark.ml.features.gram import fold_moments
from galspec_spark.ml.features.labelled import LabelledSpectra
from galspec_spark.ml.features.moments import Moments
from galspec_spark.ml.features.pca import components_of, principal_components, upright
from galspec_spark.ml.features.weighted_pca import fit_weighted
from galspec_spark.spectrum.arrays import Floats, lists_of
from galspec_spark.warehouse.frames import frame_of_tasks
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location

#: Column of the coefficients under the components of the whole training split.
COMPONENTS = "components"
#: Root mean square over the pixels of what the components of the whole training split leave.
RECONSTRUCTION_ERROR = "reconstruction_error"
NARROW = {
    "spectrum_id": "string",
    "object_id": "string",
    "label": "int",
    "split": "string",
    "fold": "int",
    "z": "double",
    "sn_median": "float",
    "coverage": "float",
}
ROWS_PER_PARTITION = 50_000


def fold_column(fold: int) -> str:
    """Return the column of the coefficients under the components of the other folds."""
    return f"{COMPONENTS}_{fold}"


def fit_components(
    spark: SparkSession,
    spectra: LabelledSpectra,
    config: TrainConfig,
    folds: int,
    scratch: Location,
) -> list[Components]:
    """Find the components of each fold's training spectra, and last of the whole training split.

    Parameters
    ----------
    scratch
        Folder for intermediate sums, which all machines see.

    Returns
    -------
    list of Components
        folds + 1; the f-th knows nothing of the spectra in fold f.
    """
    if config.pca == "mllib":
        return _by_mllib(spark, spectra, config.components, folds)
    moments = fold_moments(spark, spectra, scratch)
    total = reduce(Moments.plus, moments.values())
    training = [*(total.minus(moments[fold]) for fold in range(folds)), total]
    components = [principal_components(each, config.components) for each in training]
    if config.pca == "gram":
        return components
    return fit_weighted(spark, spectra, components, config.pca, config.em_passes, scratch)


def _by_mllib(
    spark: SparkSession, spectra: LabelledSpectra, k: int, folds: int
) -> list[Components]:
    """Find the same with Spark's own PCA, once for each fold."""

    def rows(task: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
        for decided, flux, _ in spectra.read(task, ["fold"]):
            fold = decided["fold"].combine_chunks()
            yield pa.RecordBatch.from_arrays([lists_of(flux), fold], ["flux", "fold"])

    every = frame_of_tasks(spark, rows, spectra.tasks, "flux array<float>, fold int")
    vectors = every.where("fold is not null").select(
        array_to_vector(F.col("flux")).alias("flux"), "fold"
    )
    estimator = feature.PCA(k=k, inputCol="flux", outputCol=COMPONENTS)
    found = []
    for fold in range(folds + 1):
        training = vectors.where(F.col("fold") != fold)  # the last leaves out none
        model = estimator.fit(training)
        mean: Any = training.select(Summarizer.mean(F.col("flux"))).first()
        found.append(
            Components(
                mean[0].toArray(), upright(components_of(model)), model.explainedVariance.toArray()
            )
        )
    return found


def project_all(
    spark: SparkSession,
    spectra: LabelledSpectra,
    components: Sequence[Components],
    config: TrainConfig,
    rows: int,
) -> DataFrame:
    """Return the coefficients of all labelled spectra, in an order that is always the same.

    A forest draws its samples by the position of a row, so the order is part of the result.

    Parameters
    ----------
    components
        Of each fold and of the whole training split.
    rows
        Number of labelled spectra.

    Returns
    -------
    DataFrame
        `NARROW`, ``reconstruction_error``, and vectors ``components``, ``components_0``, ... To be
        persisted.
    """
    names = [*map(fold_column, range(len(components) - 1)), COMPONENTS]
    is_masked = config.projection == "masked"

    def coefficients(task: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
        for narrow, flux, ivar in spectra.read(task, list(NARROW)):
            values = [projected(flux, ivar if is_masked else None, each) for each in components]
            error = reconstruction_error(flux, values[-1], components[-1])
            columns = [narrow[name].combine_chunks() for name in NARROW]
            yield pa.RecordBatch.from_arrays(
                [*columns, pa.array(error), *map(lists_of, values)],
                names=[*NARROW, RECONSTRUCTION_ERROR, *names],
            )

    schema = ", ".join(
        [f"{name} {kind}" for name, kind in NARROW.items()]
        + [f"{RECONSTRUCTION_ERROR} float"]
        + [f"{n} array<double>" for n in names]
    )
    cores = spark.sparkContext.defaultParallelism
    return (
        frame_of_tasks(spark, coefficients, spectra.tasks, schema)
        .select(
            *NARROW,
            RECONSTRUCTION_ERROR,
            *(array_to_vector(F.col(name)).alias(name) for name in names),
        )
        .repartition(narrow_partitions(rows, cores), "spectrum_id")
        .sortWithinPartitions("spectrum_id")
    )


def projected(flux: Floats, ivar: Floats | None, components: Components) -> Floats:
    """Return coefficients (n, k) of spectra (n, pixels); with ivar, of their good pixels."""
    spectra = flux if ivar is None else fill_gaps(flux, ivar, components)
    return np.asarray(spectra.astype(np.float64) @ components.vectors.T)


def reconstruction_error(
    flux: Floats, coefficients: Floats, components: Components
) -> npt.NDArray[np.float32]:
    """Return the rms over the pixels of spectra (n, pixels) less what the components make of them.

    The vectors are orthonormal, so that the squares of the parts along them can be taken away.
    """
    deviations = flux - components.mean
    along = coefficients - components.vectors @ components.mean
    squares = np.einsum("ij,ij->i", deviations, deviations)
    rest = np.maximum(squares - np.einsum("ij,ij->i", along, along), 0)
    return np.asarray(np.sqrt(rest / flux.shape[1]), np.float32)


def narrow_partitions(rows: int, cores: int) -> int:
    """Return into how many partitions to put so many rows of features.

    A fit is hundreds of short jobs, which cost more the more tasks they have.
    """
    return max(1, min(cores, rows // ROWS_PER_PARTITION))
