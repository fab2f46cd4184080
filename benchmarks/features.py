"""Features that are learned from pixels: times to learn and to apply them, and the memory."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.commands import Watch
from benchmarks.measure import measure
from benchmarks.simulated import spectra_of
from galspec_spark.ml.features import FEATURES
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.kind import Features
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

KINDS = ("pca", "autoencoder", "rbm")
#: Features are applied so often to what a task holds at once, in a run.
TIMES = 20


def compare_features(
    spark: SparkSession, warehouse: Warehouse, folds: int, scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Learn each kind of features for all folds, once, and apply it in one process.

    The memory is of Spark, its workers and this process together.
    """
    spectra = spectra_of(spark, warehouse)
    inputs = _first(spectra)
    learned, applied = [], []
    for name in KINDS:
        way = f"ours, {name}" if name == KINDS[0] else name
        found: list[Features] = []
        place = Location.of(scratch / name)
        action = partial(_learn, spark, spectra, name, folds, place, found)
        memory = Watch(os.getpid())
        memory.start()
        times = measure(f"features of all spectra, {folds} folds", way, 1, action, warm=False)
        memory.stop()
        learned.append({**times, "peak_bytes": memory.bytes})
        applied.append(_applied(way, found[-1], inputs, repeat))
    return learned + applied


def _learn(
    spark: SparkSession,
    spectra: LabelledSpectra,
    name: str,
    folds: int,
    scratch: Location,
    found: list[Features],
) -> None:
    kind = FEATURES[name]
    scratch.make_folder()
    found[:] = kind.resolve(kind.fit)(spark, spectra, kind.settings(), folds, scratch)


def _applied(way: str, features: Features, inputs: Inputs, repeat: int) -> dict[str, Any]:
    def apply() -> None:
        for _ in range(TIMES):
            features.transform(inputs)

    spectra = TIMES * len(inputs.flux)
    times = measure(f"features of {spectra} spectra, applied", way, repeat, apply)
    return {**times, "spectra_per_second": round(spectra / max(times["seconds"], 1e-4))}


def _first(spectra: LabelledSpectra) -> Inputs:
    """Return as many spectra as a task holds at once."""
    _, inputs = next(spectra.inputs(spectra.tasks[0], ["spectrum_id"], ()))
    return inputs
