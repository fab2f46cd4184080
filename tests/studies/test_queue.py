"""The simulation of the queue, small: chosen labels against random ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.tables import Warehouse
from studies.queue import study as module
from studies.queue.simulation import CHOICES, QUEUE, RANDOM, START, Spectra, checkpoints, simulate
from studies.queue.study import Curve, saving, study_queue
from tests.ml.synthetic import restframe, write_warehouse


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    """A tenth is of a class beyond a plane, two spectra an object."""
    random = np.random.default_rng(1)
    features = np.repeat(random.normal(size=(400, 3)), 2, axis=0)
    features += random.normal(0, 0.02, features.shape)
    label = (features.sum(axis=1) > np.quantile(features.sum(axis=1), 0.9)).astype(np.int32)
    n = len(label)
    table = pa.table(
        {
            "z": random.random(n),
            "sn_median": random.random(n),
            "coverage": np.ones(n),
            "reconstruction_error": random.random(n),
            "object_id": [f"o{number // 2}" for number in range(n)],
            "label": label,
            "all_features": lists_of(features),
        }
    )
    return Spectra.of(table, "all_features")


@pytest.mark.parametrize("choice", CHOICES)
def test_each_choice_begins_alike_and_ends_with_all_labels(spectra: Spectra, choice: str) -> None:
    labels, f1 = simulate(spectra, choice, seed=3)
    first, random = simulate(spectra, RANDOM, seed=3)
    assert labels == sorted(labels)
    assert labels[-1] == int(len(spectra.labels) * 0.65) == first[-1]
    assert f1[0] == random[0]
    assert f1[-1] == pytest.approx(random[-1])  # the same labels, whatever the order
    assert checkpoints(labels[-1])[0] == START


def test_the_queue_needs_fewer_labels(spectra: Spectra) -> None:
    curves = {}
    for choice in (RANDOM, QUEUE):
        found = [simulate(spectra, choice, seed) for seed in range(2)]
        labels = np.mean([labels for labels, _ in found], axis=0).tolist()
        curves[choice] = Curve(labels, [f1 for _, f1 in found])
    found = saving(curves, QUEUE)
    assert found.share_of_all is not None
    assert found.share_of_all < 0.5


def test_savings_are_counted_by_the_mean_of_the_seeds() -> None:
    """Random choice reaches its last mean, 0.8, with 40 labels, the other with 20, or never."""
    labels = [10.0, 20, 40, 80]
    curves = {
        RANDOM: Curve(labels, [[0.1, 0.5, 0.9, 0.8], [0.1, 0.5, 0.7, 0.8]]),
        "good": Curve(labels, [[0.1, 0.7, 0.8, 0.8], [0.1, 0.9, 0.8, 0.8]]),
        "bad": Curve(labels, [[0.1, 0.2, 0.3, 0.4]] * 2),
    }
    good, bad, random = (saving(curves, choice) for choice in ("good", "bad", RANDOM))
    assert (good.labels, good.share_of_all, good.share_of_random) == (20, 0.25, 0.5)
    assert good.share_of_all_interval == [0.25, 0.5]  # of the first seed alone it is 40
    assert (bad.labels, bad.share_of_all_interval) == (None, [None, None])
    assert random.share_of_random == 1
    # Means of the same numbers in another order differ by rounding.
    drawn = saving(
        {RANDOM: Curve([1.0, 2], np.random.default_rng(1).random((20, 2)).tolist())}, RANDOM
    )
    assert None not in drawn.share_of_all_interval


def test_the_study_writes_its_page(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEATURES", ("pca",))
    warehouse = Warehouse(write_warehouse(tmp_path / "warehouse", restframe(140)))
    config = Config.model_validate(
        {"train": {"features": {"pca": {"n_components": 5}}, "n_best": 5}}
    )
    run = Run.start("queue", config)
    summary = study_queue(spark, run, warehouse, tmp_path / "output", seeds=2)
    found = json.loads((tmp_path / "output" / "queue.json").read_text())
    assert found["results"]["pca"]["spectra"] == 126
    assert set(found["results"]["pca"]["savings"]) == set(CHOICES)
    page = Path(summary["table"]).read_text()
    assert page.count("| pca |") == len(CHOICES)
    assert (tmp_path / "output" / "queue.png").stat().st_size > 0
