"""Kinds of features, learned and applied side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.features import KINDS, compare_features
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.low_rank import labelled_spectra


def test_each_kind_is_learned_and_applied(spark, tmp_path: Path) -> None:
    flux = np.random.default_rng(1).normal(1, 0.1, (120, 80)).astype("f4")
    labelled_spectra(tmp_path / "w", flux, np.ones_like(flux))
    results = compare_features(spark, Warehouse(tmp_path / "w"), 2, tmp_path / "scratch", 1)
    learned, applied = results[: len(KINDS)], results[len(KINDS) :]
    assert [each["way"] for each in applied] == ["ours, pca", "autoencoder", "rbm"]
    assert all(each["peak_bytes"] > 1e8 for each in learned)
    assert all(each["spectra_per_second"] > 0 for each in applied)
