"""The features of all labelled spectra, as fitted for each fold and the whole training split.

Tasks write them as files, and read them from there: a fit in numpy takes what it needs, and only
Spark's own fits get them as a DataFrame.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR, FeatureKind, Features
from galspec_spark.ml.labelled.fold_rows import FoldRows
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.frames import frame_of_tasks
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.sample import Slice
from galspec_spark.warehouse.storage import Location

#: Column of the features fitted on the whole training split.
ALL_FEATURES = "all_features"
#: Columns of ``sample`` beside the features.
NARROW = {
    "spectrum_id": pa.string(),
    "object_id": pa.string(),
    "label": pa.int32(),
    "split": pa.string(),
    "fold": pa.int32(),
    "z": pa.float64(),
    "sn_median": pa.float32(),
    "coverage": pa.float32(),
}
ROWS_PER_PARTITION = 50_000
#: Of the files: 20 features of 5 folds and of all take 19 MB.
ROW_GROUP = 20_000


def fold_column(fold: int | None) -> str:
    """Return the column of the features fitted without a fold; None: on the whole split."""
    return ALL_FEATURES if fold is None else f"{ALL_FEATURES}_{fold}"


@dataclass(frozen=True)
class FeatureTable:
    """One kind of features of all labelled spectra."""

    kind: FeatureKind
    features: Features  #: fitted on the whole training split
    #: Files of all rows, with `NARROW`, ``reconstruction_error``, ``all_features``,
    #: ``all_features_0``, ...
    parts: Sequence[Location]
    rows: DataFrame  #: from `feature_frame`, persisted when it is first used

    def fold_rows(self, folds: int) -> FoldRows:
        """Return the training split as cross-validation reads it."""
        columns = [fold_column(fold) for fold in range(folds)]
        return FoldRows(self.parts, "label", "fold", columns, ALL_FEATURES, "spectrum_id")

    def read(self, split: str, columns: Sequence[str], most: int | None = None) -> pa.Table:
        """Read columns of a split, always in the same order: of the identifiers.

        10 million rows of 20 features take 1.6 GB, and while they are sorted twice that.

        Parameters
        ----------
        most
            Of more rows, about so many are read: a hash chooses the objects, always the same.
        """
        total = 0 if most is None else sum(map(len, self._rows(split, ["split"])))
        names = list(dict.fromkeys(["spectrum_id", *columns]))
        chosen = []
        for rows in self._rows(split, ["split", "object_id", *names]):
            if most is not None and total > most:
                hashes = hash_array(rows["object_id"].to_numpy())
                rows = rows.filter(hashes % np.uint64(total) < most)
            chosen.append(rows.select(names))
        found = pa.concat_tables(chosen)
        order = pc.sort_indices(found["spectrum_id"])
        return found.select(list(columns)).take(order).combine_chunks()

    def _rows(self, split: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Read columns of the rows of a split, a row group at a time."""
        for part in self.parts:
            for table in open_part(part).row_groups(list(dict.fromkeys(columns))):
                yield table.filter(pc.equal(table["split"], split))


def feature_table(
    spark: SparkSession,
    spectra: LabelledSpectra,
    kind: FeatureKind,
    fitted: Sequence[Features],
    folder: Location,
) -> FeatureTable:
    """Compute the features of all labelled spectra, and write them into a folder, a file a task.

    Parameters
    ----------
    fitted
        Features of each fold, and last of the whole training split.
    folder
        Existing folder that all machines see, which the table needs as long as it is used.
    """
    work = partial(_write, spectra=spectra, kind=kind, fitted=fitted, folder=folder)
    parts = [place for place in run_tasks(spark, work, spectra.tasks) if place is not None]
    return FeatureTable(kind, fitted[-1], parts, feature_frame(spark, parts).persist())


def _write(
    task: Sequence[Slice],
    spectra: LabelledSpectra,
    kind: FeatureKind,
    fitted: Sequence[Features],
    folder: Location,
) -> Location | None:
    place = folder / f"{os.urandom(8).hex()}.parquet"
    waiting = _batches(task, spectra, kind, fitted)
    first = next(waiting, None)
    if first is None:
        return None
    with part_writer(place, first.schema) as writer:
        for table in _gathered(chain([first], waiting)):
            writer.write_table(table)
    return place


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Gather batches to tables of some `ROW_GROUP` rows."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= ROW_GROUP:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _batches(
    task: Sequence[Slice],
    spectra: LabelledSpectra,
    kind: FeatureKind,
    fitted: Sequence[Features],
) -> Iterator[pa.RecordBatch]:
    names = [*map(fold_column, range(len(fitted) - 1)), ALL_FEATURES]
    for narrow, inputs in spectra.inputs(task, list(NARROW), kind.line_columns):
        values = [features.transform(inputs) for features in fitted]
        error = fitted[-1].reconstruction_error(inputs.flux, values[-1])
        columns = [narrow[name].combine_chunks().cast(type_) for name, type_ in NARROW.items()]
        yield pa.RecordBatch.from_arrays(
            [*columns, error_column(error, len(narrow)), *map(lists_of, values)],
            names=[*NARROW, RECONSTRUCTION_ERROR, *names],
        )


def error_column(error: np.ndarray | None, rows: int) -> pa.Array:
    """Return reconstruction errors (n,) as an Arrow column; nulls for None."""
    if error is None:
        return pa.nulls(rows, pa.float32())
    return pa.array(error.astype(np.float32))


def feature_frame(spark: SparkSession, parts: Sequence[Location]) -> DataFrame:
    """Return the features as a DataFrame with vectors, always in the same order.

    A forest draws its samples by row position, so the order is part of the result.

    Returns
    -------
    DataFrame
        ``spectrum_id``, ``label``, ``split``, ``fold``, and vectors ``all_features``,
        ``all_features_0``, ... Not persisted.
    """
    # Tasks import this module, and importing Spark ML takes a second.
    from pyspark.ml.functions import array_to_vector

    schema = open_part(parts[0]).schema_arrow
    vectors = [name for name in schema.names if name.startswith(ALL_FEATURES)]
    narrow = {"spectrum_id": "string", "label": "int", "split": "string", "fold": "int"}

    def read(part: Location) -> Iterator[pa.RecordBatch]:
        yield from open_part(part).iter_batches(columns=[*narrow, *vectors])

    columns = [*(f"{n} {t}" for n, t in narrow.items()), *(f"{n} array<double>" for n in vectors)]
    cores = spark.sparkContext.defaultParallelism
    rows = sum(open_part(part).metadata.num_rows for part in parts)
    return (
        frame_of_tasks(spark, read, parts, ", ".join(columns))
        .select(*narrow, *(array_to_vector(F.col(name)).alias(name) for name in vectors))
        .repartition(narrow_partitions(rows, cores), "spectrum_id")
        .sortWithinPartitions("spectrum_id")
    )


def narrow_partitions(rows: int, cores: int) -> int:
    """Return the number of partitions for this many rows of features.

    A fit is hundreds of short jobs, and each costs more with more tasks.
    """
    return max(1, min(cores, rows // ROWS_PER_PARTITION))
