"""Scores by bin against those of each bin alone."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn import metrics

from galspec_spark.ml.evaluation.bins import round_edges, scores_by_bin

N = 500


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    labels = (random.random(N) < 0.3).astype(int)
    z = random.uniform(0.02, 0.2, N)
    wrong = random.random((2, N)) < [z, 2 * z]  # worse where the redshift is high
    return {
        "label": labels,
        "z": z,
        "lr": np.where(wrong[0], 1 - labels, labels).astype(float),
        "rf": np.where(wrong[1], 1 - labels, labels).astype(float),
    }


@pytest.fixture(scope="module")
def rows(columns):
    return pa.table(columns)


def test_each_bin_is_as_if_alone(rows, columns):
    edges = [0.05, 0.1]
    found = scores_by_bin(rows, "z", ["lr", "rf"], edges, 2)
    assert [entry["low"] for entry in found] == [columns["z"].min(), 0.05, 0.1]
    assert [entry["high"] for entry in found] == [0.05, 0.1, columns["z"].max()]
    for i, entry in enumerate(found):
        inside = np.digitize(columns["z"], edges) == i
        labels = columns["label"][inside]
        assert (entry["count"], entry["agn"]) == (inside.sum(), labels.sum())
        for model in ("lr", "rf"):
            predicted = columns[model][inside]
            assert entry[model]["agn_f1"] == pytest.approx(metrics.f1_score(labels, predicted))
            assert entry[model]["mcc"] == pytest.approx(
                metrics.matthews_corrcoef(labels, predicted)
            )
            hits = int((predicted * labels).sum())
            scipys = stats.binomtest(hits, int(labels.sum())).proportion_ci(method="wilson")
            assert entry[model]["agn_recall_interval"] == pytest.approx([scipys.low, scipys.high])
            low, high = entry[model]["agn_f1_interval"]
            assert low < entry[model]["agn_f1"] < high
    json.dumps(found)


def test_a_value_at_an_edge_is_in_the_bin_above():
    rows = pa.table({"label": [0, 0, 1], "z": [0.1, 0.2, 0.3], "lr": [0, 0, 1]})
    found = scores_by_bin(rows, "z", ["lr"], [0.2], 2)
    assert [(e["low"], e["high"], e["count"]) for e in found] == [(0.1, 0.2, 1), (0.2, 0.3, 2)]


def test_rows_without_a_value_are_counted_apart():
    sn = pa.array([1.0, None, float("nan")], pa.float32())
    rows = pa.table({"label": [0, 1, 0], "sn_median": sn, "lr": [0, 1, 1]})
    first, without = scores_by_bin(rows, "sn_median", ["lr"], [0.5, 2.0], 2)
    assert (first["low"], first["high"], first["count"]) == (0.5, 2.0, 1)
    assert first["lr"]["agn_recall_interval"] is None
    assert (without["low"], without["high"], without["count"], without["agn"]) == (None, None, 2, 1)
    assert without["lr"]["agn_precision"] == 0.5


def test_edges_are_round_and_of_about_equal_count(rows, columns):
    edges = round_edges(rows["z"])
    assert edges == [float(f"{edge:.2g}") for edge in edges]
    counts = np.bincount(np.digitize(columns["z"], edges))
    assert len(counts) == 5
    assert counts.min() > 0.75 * N / 5
    assert sum(entry["count"] for entry in scores_by_bin(rows, "z", ["lr"], edges, 2)) == N
    assert len(round_edges(rows["label"])) <= 2  # of few values, few edges


def test_edges_are_of_rows_that_have_a_value():
    values = pa.chunked_array([[float("nan"), None], [float(i) for i in range(1, 101)]])
    assert round_edges(values, bins=2) == [50.0]
    assert round_edges(pa.chunked_array([[None, None]], pa.float64())) == []
