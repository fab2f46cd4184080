"""The features of all labelled spectra, as fitted for each fold and the whole training split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR, FeatureKind, Features
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.frames import frame_of_tasks
from galspec_spark.warehouse.sample import Slice

#: Column of the features fitted on the whole training split.
ALL_FEATURES = "all_features"
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


@dataclass(frozen=True)
class FeatureTable:
    """One kind of features of all labelled spectra."""

    kind: FeatureKind
    features: Features  #: fitted on the whole training split
    rows: DataFrame  #: from `feature_table`, persisted


def fold_column(fold: int) -> str:
    """Return the column of the features fitted on the other folds."""
    return f"{ALL_FEATURES}_{fold}"


def feature_table(
    spark: SparkSession,
    spectra: LabelledSpectra,
    kind: FeatureKind,
    fitted: Sequence[Features],
    rows: int,
) -> DataFrame:
    """Return the features of all labelled spectra, always in the same order.

    A forest draws its samples by row position, so the order is part of the result.

    Parameters
    ----------
    fitted
        Features of each fold, and last of the whole training split.
    rows
        Number of labelled spectra.

    Returns
    -------
    DataFrame
        `NARROW`, ``reconstruction_error``, and vectors ``all_features``, ``all_features_0``, ...
        Not persisted.
    """
    # Tasks import this module, and importing Spark ML takes a second.
    from pyspark.ml.functions import array_to_vector

    names = [*map(fold_column, range(len(fitted) - 1)), ALL_FEATURES]
    line_columns = kind.line_columns

    def table(task: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
        for narrow, inputs in spectra.inputs(task, list(NARROW), line_columns):
            values = [features.transform(inputs) for features in fitted]
            error = fitted[-1].reconstruction_error(inputs.flux, values[-1])
            columns = [narrow[name].combine_chunks() for name in NARROW]
            yield pa.RecordBatch.from_arrays(
                [*columns, error_column(error, len(narrow)), *map(lists_of, values)],
                names=[*NARROW, RECONSTRUCTION_ERROR, *names],
            )

    schema = ", ".join(
        [f"{name} {kind}" for name, kind in NARROW.items()]
        + [f"{RECONSTRUCTION_ERROR} float"]
        + [f"{name} array<double>" for name in names]
    )
    cores = spark.sparkContext.defaultParallelism
    return (
        frame_of_tasks(spark, table, spectra.tasks, schema)
        .select(
            *NARROW,
            RECONSTRUCTION_ERROR,
            *(array_to_vector(F.col(name)).alias(name) for name in names),
        )
        .repartition(narrow_partitions(rows, cores), "spectrum_id")
        .sortWithinPartitions("spectrum_id")
    )


def error_column(error: np.ndarray | None, rows: int) -> pa.Array:
    """Return reconstruction errors (n,) as an Arrow column; nulls for None."""
    if error is None:
        return pa.nulls(rows, pa.float32())
    return pa.array(error.astype(np.float32))


def narrow_partitions(rows: int, cores: int) -> int:
    """Return the number of partitions for this many rows of features.

    A fit is hundreds of short jobs, and each costs more with more tasks.
    """
    return max(1, min(cores, rows // ROWS_PER_PARTITION))
