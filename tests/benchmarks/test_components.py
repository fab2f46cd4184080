"""All ways find the same components, and one that does not is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.components import SLOW, check_agreement, compare_pca
from benchmarks.measure import as_table
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.low_rank import labelled_spectra

ROWS, PIXELS = 400, 40


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    random = np.random.default_rng(1)
    mixture = random.normal(size=(PIXELS, PIXELS)) * np.linspace(3, 0.1, PIXELS)[:, None]
    flux = (random.normal(size=(ROWS, PIXELS)) @ mixture + 1).astype("f4")
    labelled_spectra(tmp_path, flux, np.ones_like(flux))
    return Warehouse(tmp_path)


def test_all_ways_agree(spark, warehouse):
    results = compare_pca(spark, warehouse, 2)
    assert {result["work"] for result in results} == {f"PCA(20) of {ROWS} spectra from Parquet"}
    assert {len(result["runs"]) for result in results if result["way"] in SLOW} == {1}
    assert {len(result["runs"]) for result in results if result["way"] not in SLOW} == {2}
    rows = as_table(results).splitlines()[2:]
    assert [row.startswith("| PCA(20)") for row in rows] == [True] * 6
    assert rows[0].endswith("| 1 |  |")


@pytest.mark.parametrize(("way", "error"), [("MLlib", 1e-5), ("scikit-learn, full", 1e-1)])
def test_a_way_that_disagrees_is_noticed(way, error):
    ours = np.array([0.5, 0.25])
    check_agreement({"ours, Spark": ours, way: ours * (1 + error / 100)})
    with pytest.raises(AssertionError, match=f"{way} differs from ours"):
        check_agreement({"ours, Spark": ours, way: ours * (1 + error)})
