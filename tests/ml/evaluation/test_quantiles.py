from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.ml.evaluation import quantiles as module
from galspec_spark.ml.evaluation.quantiles import quantiles


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(2).normal(size=4000)


@pytest.fixture(scope="module")
def rows(spark, values):
    objects = [f"object-{i}" for i in range(len(values))]
    return spark.createDataFrame(pa.table({"object_id": objects, "score": values}))


def test_quantiles_are_numpys(rows, values):
    found = quantiles(rows, "score", [0.1, 0.5, 0.99], len(values))
    np.testing.assert_allclose(found, np.quantile(values, [0.1, 0.5, 0.99]), rtol=1e-12)


def test_quantiles_of_many_rows_do_not_depend_on_partitions(rows, values, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 1000)
    one = quantiles(rows.repartition(1), "score", [0.1, 0.5, 0.9], len(values))
    assert quantiles(rows.repartition(7), "score", [0.1, 0.5, 0.9], len(values)) == one
    assert one != quantiles(rows, "score", [0.1, 0.5, 0.9], 1000)
    ranks = [(values < value).mean() for value in one]
    np.testing.assert_allclose(ranks, [0.1, 0.5, 0.9], atol=0.04)


def test_no_values_have_no_quantiles(rows):
    assert quantiles(rows.where("score is null"), "score", [0.5], 0) == []
