"""The mean spectrum of each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.sample import Slice

Sums = dict[int, tuple[int, Doubles]]


def class_means(spark: SparkSession, spectra: LabelledSpectra) -> Sums:
    """Return the count and mean spectrum (pixels,) of each label in the training split.

    The driver gets one sum for each task and label.
    """
    counts: dict[int, int] = defaultdict(int)
    totals: dict[int, Doubles] = {}
    for sums in run_tasks(spark, partial(_sums, spectra=spectra), spectra.tasks):
        for label, (count, total) in sums.items():
            counts[label] += count
            totals[label] = totals.get(label, 0) + total
    return {label: (counts[label], totals[label] / counts[label]) for label in sorted(totals)}


def _sums(task: Sequence[Slice], spectra: LabelledSpectra) -> Sums:
    sums: Sums = {}
    for rows, flux, _ in spectra.read(task, ["label", "fold"]):
        is_member = pc.is_valid(rows["fold"]).to_numpy()
        labels = rows["label"].to_numpy()
        for label in np.unique(labels[is_member]).tolist():
            chosen = flux[is_member & (labels == label)]
            count, total = sums.get(label, (0, np.zeros(flux.shape[1])))
            sums[label] = count + len(chosen), total + chosen.sum(axis=0, dtype=np.float64)
    return sums
