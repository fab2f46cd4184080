"""Classification of rest-frame spectra, from the table to a catalogue."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from sklearn.ensemble import RandomForestClassifier

from benchmarks.measure import measure
from benchmarks.simulated import spectra_of, write_labelled
from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.spectrum.arrays import Doubles, rows_of
from galspec_spark.train.stage import train
from galspec_spark.warehouse.tables import Warehouse

TREES, DEPTH = 100, 10
CORES = 2
TRAINING = {
    "features": {"pca": None},
    "n_best": 20,
    "classifiers": {
        "random_forest": {
            "fixed": {"impurity": "entropy", "numTrees": TREES, "maxDepth": DEPTH},
        }
    },
}


def compare_classification(
    spark: SparkSession, run: Run, rows: Warehouse, release: Warehouse, scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Classify a release with a forest in both ways, Spark session and worker processes started.

    Parameters
    ----------
    rows
        To train on.
    release
        To classify.
    """
    settings = run.config.model_dump() | {"train": TRAINING}
    train(spark, replace(run, config=Config.model_validate(settings)), rows, scratch, None)
    bundle = load_bundle(scratch / "model")
    components = bundle.features.basis
    assert components is not None, "principal components are a basis"
    fit_to = write_labelled(spectra_of(spark, rows), scratch / "train")
    forest = fit_forest(fit_to, components)
    write_labelled(spectra_of(spark, release), scratch / "release")
    parts = sorted((scratch / "release").iterdir())
    spectra = sum(pq.read_metadata(part).num_rows for part in parts)
    work = f"classify {spectra} rest-frame spectra with a forest, {CORES} cores"
    # Started anew: this process has threads of Spark, which a fork would break.
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        task = partial(classify_part, forest=forest, components=components, folder=scratch)
        ours = partial(_ours, spark, run, release, scratch / "model")
        ways: dict[str, Callable[[], Any]] = {
            "ours, gaps filled, into the table catalog": ours,
            "scikit-learn and pyarrow, 2 processes": partial(pool.map, task, parts, 1),
        }
        results = [measure(work, way, repeat, action) for way, action in ways.items()]
    return [{**each, "spectra_per_second": round(spectra / each["seconds"])} for each in results]


def _ours(spark: SparkSession, run: Run, release: Warehouse, model: Path) -> None:
    shutil.rmtree(release.table("catalog").path, ignore_errors=True)
    classify(spark, run, release, model, None)


def fit_forest(table: str, components: Doubles) -> RandomForestClassifier:
    """Fit scikit-learn's forest to the training split."""
    rows = pq.read_table(table, columns=["flux", "label", "split"])
    train = rows.filter(pc.equal(rows["split"], "train")).combine_chunks()
    features = rows_of(train["flux"].chunk(0)) @ components.T
    forest = RandomForestClassifier(TREES, criterion="entropy", max_depth=DEPTH, random_state=1)
    return forest.fit(features, train["label"].to_numpy())


def classify_part(
    part: Path, *, forest: RandomForestClassifier, components: Doubles, folder: Path
) -> None:
    """Do with one part what a careful user of scikit-learn does, in a process of the pool."""
    table = pq.ParquetFile(part)
    found = []
    for batch in table.iter_batches(2000, columns=["spectrum_id", "flux"]):
        probability = forest.predict_proba(rows_of(batch["flux"]) @ components.T)[:, 1]
        found.append(
            pa.record_batch({"spectrum_id": batch["spectrum_id"], "probability": probability})
        )
    pq.write_table(pa.Table.from_batches(found), folder / f"peer-{part.name}")
