"""The mean spectrum of each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from galspec_spark.ml.components import Doubles
from galspec_spark.ml.arrays import rows_of


def class_means(dataset: DataFrame) -> dict[int, tuple[int, Doubles]]:
    """Return count and mean spectrum (pixels,) of each label.

    The tasks add up whole Arrow batches; the driver gets one sum for each task and label.

    Parameters
    ----------
    dataset
        Columns ``label`` (int) and ``flux`` (array<float>), neither null.
    """
    cores = dataset.sparkSession.sparkContext.defaultParallelism
    sums = (
        dataset.select("label", "flux")
        .coalesce(2 * cores)
        .mapInArrow(_sums, "label int, count long, total binary")
        .collect()
    )
    counts: dict[int, int] = defaultdict(int)
    totals: dict[int, Doubles] = {}
    for row in sums:
        counts[row.label] += row["count"]
        total = np.frombuffer(row.total)
        totals[row.label] = totals[row.label] + total if row.label in totals else total
    return {label: (counts[label], totals[label] / counts[label]) for label in sorted(totals)}


def _sums(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    counts: dict[int, int] = defaultdict(int)
    totals: dict[int, Doubles] = {}
    for batch in batches:
        labels = batch.column("label").to_numpy()
        rows = rows_of(batch.column("flux"))
        for label in np.unique(labels).tolist():
            chosen = rows[labels == label]
            total = chosen.sum(axis=0, dtype=np.float64)
            counts[label] += len(chosen)
            totals[label] = totals[label] + total if label in totals else total
    yield pa.record_batch(
        {
            "label": pa.array(list(totals), pa.int32()),
            "count": pa.array([counts[label] for label in totals], pa.int64()),
            "total": pa.array([total.tobytes() for total in totals.values()], pa.binary()),
        }
    )
