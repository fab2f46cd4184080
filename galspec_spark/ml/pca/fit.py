"""Principal components of every training fold, and of the whole training split.

Cross-validation is honest only if nothing was fitted to the rows that it scores. So each fold has
its own components, from the spectra outside the fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
from pyspark.ml import feature
from pyspark.ml.functions import array_to_vector
from pyspark.ml.stat import Summarizer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.ml.features.components import Components, upright
from galspec_spark.ml.features.pca import Coefficients, Settings
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.ml.pca.estimator import components_of, principal_components
from galspec_spark.ml.pca.fold_moments import fold_moments
from galspec_spark.ml.pca.moments import Moments
from galspec_spark.ml.pca.weighted import fit_weighted
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.frames import frame_of_tasks
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location


def fit(
    spark: SparkSession,
    spectra: LabelledSpectra,
    settings: Settings,
    folds: int,
    scratch: Location,
) -> list[Coefficients]:
    """Return the coefficients on the components that `fit_components` finds."""
    components = fit_components(spark, spectra, settings, folds, scratch)
    return [Coefficients(each, settings.projection == "masked") for each in components]


def fit_components(
    spark: SparkSession,
    spectra: LabelledSpectra,
    settings: Settings,
    folds: int,
    scratch: Location,
) -> list[Components]:
    """Find the components of each fold's training spectra, then of the whole training split.

    Parameters
    ----------
    scratch
        Folder for intermediate sums, which all machines see.

    Returns
    -------
    list of Components
        folds + 1; the f-th is fitted without the spectra in fold f.

    Raises
    ------
    UserError
        If there are fewer spectra than components, or a flux is NaN or infinite.
    """
    k, solver = settings.n_components, settings.solver
    if solver == "mllib":
        return _by_mllib(spark, spectra, k, folds)
    moments = fold_moments(spark, spectra, scratch)
    total = reduce(Moments.plus, moments.values())
    training = [*(total.minus(moments[fold]) for fold in range(folds)), total]
    for rest in training:
        _check(k, rest.count)
    components = [principal_components(rest, k) for rest in training]
    if solver == "gram":
        return components
    return fit_weighted(spark, spectra, components, solver, settings.em_passes, scratch)


def _check(k: int, spectra: int) -> None:
    if k > spectra:
        raise UserError(
            f"{k} components of {spectra} spectra: choose {spectra} or less "
            "(train.features.pca.n_components), or ingest more"
        )


def _by_mllib(
    spark: SparkSession, spectra: LabelledSpectra, k: int, folds: int
) -> list[Components]:
    """Find the same components with Spark's own PCA, once for each fold."""

    def rows(task: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
        for decided, flux, _ in spectra.read(task, ["fold"]):
            fold = decided["fold"].combine_chunks()
            yield pa.RecordBatch.from_arrays([lists_of(flux), fold], ["flux", "fold"])

    frame = frame_of_tasks(spark, rows, spectra.tasks, "flux array<float>, fold int")
    vectors = frame.where("fold is not null").select(
        array_to_vector(F.col("flux")).alias("flux"), "fold"
    )
    vectors.persist()  # each fit reads them five times
    try:
        # The last keeps all rows.
        return [_mllib_components(vectors.where(F.col("fold") != n), k) for n in range(folds + 1)]
    finally:
        vectors.unpersist()


def _mllib_components(training: DataFrame, k: int) -> Components:
    summary = Summarizer.metrics("mean", "count").summary(F.col("flux"))
    row: Any = training.select(summary.alias("of")).first()
    _check(k, row["of"]["count"])
    model = feature.PCA(k=k, inputCol="flux", outputCol="coefficients").fit(training)
    return Components(
        row["of"]["mean"].toArray(),
        upright(components_of(model)),
        model.explainedVariance.toArray(),
    )
