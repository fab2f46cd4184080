"""The mean spectrum of each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.spectrum.arrays import Doubles, rows_of
from galspec_spark.warehouse.frames import map_parts
from galspec_spark.warehouse.storage import Location


def class_means(spark: SparkSession, parts: Sequence[Location]) -> dict[int, tuple[int, Doubles]]:
    """Return count and mean spectrum (pixels,) of each label in the training split.

    The tasks add up whole Arrow batches; the driver gets one sum for each task and label.

    Parameters
    ----------
    parts
        Of the table ``restframe``: spectra without a fold do not count.
    """
    sums = map_parts(
        spark, parts, ["label", "fold", "flux"], _sums, "label int, count long, total binary"
    ).collect()
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
        members = batch.filter(batch["fold"].is_valid())
        labels = members["label"].to_numpy(zero_copy_only=False)
        for label in np.unique(labels).tolist():
            chosen = rows_of(members["flux"].filter(pa.array(labels == label)))
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
