"""Intervals against the usual bootstrap, and what a bootstrap over objects must do."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

from galspec_spark.ml.evaluation.bootstrap import (
    SCORES,
    bootstrap_intervals,
    replicate_counts,
    weights,
)
from galspec_spark.ml.evaluation.scores import score_arrays


def sample(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, a quarter of them AGN, and predictions that are right four times of five."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.25).astype(np.int32)
    return labels, np.where(random.random(n) < 0.8, labels, 1 - labels).astype(np.float64)


def frame(spark, objects, labels, **predictions):
    columns = {"object_id": pa.array(objects).cast(pa.string()), "label": labels, **predictions}
    return spark.createDataFrame(pa.table(columns))


def confusions(labels, predicted, weight=None):
    """Return confusion matrices of the last axis, shape (..., 2, 2)."""
    weight = np.ones(labels.shape) if weight is None else weight
    cells = [(weight * ((labels == i) & (predicted == j))).sum(-1) for i in (0, 1) for j in (0, 1)]
    return np.stack(cells, axis=-1).reshape(*cells[0].shape, 2, 2)


def assert_alike(found, expected):
    """Both ends agree within a fraction of the width: 2000 replicates know them to about 3 %."""
    width = expected[1] - expected[0]
    np.testing.assert_allclose(found, expected, atol=0.12 * width)


def test_intervals_are_those_of_the_usual_bootstrap(spark):
    labels, predicted = sample(600)
    ours = bootstrap_intervals(
        frame(spark, np.arange(600), labels, lr=predicted), ["lr"], replicates=2000
    )["lr"]
    assert set(ours) == set(SCORES)
    for name in ("agn_f1", "agn_recall", "f1", "mcc"):
        scipys = stats.bootstrap(
            (labels, predicted),
            lambda a, b, axis, name=name: score_arrays(confusions(a, b))[name],
            paired=True,
            n_resamples=2000,
            method="percentile",
            rng=3,
            batch=500,
        ).confidence_interval
        assert_alike(ours[name], [scipys.low, scipys.high])


def test_objects_are_drawn_with_all_their_spectra(spark):
    """Observing an object four times adds nothing when all four are predicted alike."""
    labels, predicted = sample(300)
    four = {"labels": np.tile(labels, 4), "lr": np.tile(predicted, 4)}
    once = bootstrap_intervals(frame(spark, np.arange(300), labels, lr=predicted), ["lr"])["lr"]
    repeated = bootstrap_intervals(frame(spark, np.tile(np.arange(300), 4), **four), ["lr"])["lr"]
    for name in SCORES:
        assert repeated[name] == pytest.approx(once[name])
    as_if_others = bootstrap_intervals(frame(spark, np.arange(1200), **four), ["lr"])["lr"]
    width = np.diff(once["agn_f1"]) / np.diff(as_if_others["agn_f1"])
    assert width == pytest.approx(2, rel=0.15)


def test_objects_of_different_sizes_agree_with_drawing_objects(spark):
    random = np.random.default_rng(5)
    sizes = random.integers(1, 8, 200)
    objects = np.repeat(np.arange(200), sizes)
    labels, predicted = (np.repeat(values, sizes) for values in sample(200))
    flipped = random.random(len(objects)) < 0.1
    predicted = np.where(flipped, 1 - predicted, predicted)
    ours = bootstrap_intervals(
        frame(spark, objects, labels, lr=predicted), ["lr"], replicates=2000
    )["lr"]
    drawn = random.multinomial(200, np.full(200, 1 / 200), size=2000)[:, objects]
    replicates = score_arrays(confusions(labels, predicted, drawn))
    for name in ("agn_f1", "f1", "balanced_accuracy"):
        assert_alike(ours[name], np.quantile(replicates[name], [0.025, 0.975]))


def test_partitions_do_not_matter_and_models_are_apart(spark):
    labels, predicted = sample(400)
    rows = frame(spark, np.arange(400) // 2, labels, lr=predicted, rf=1 - predicted)
    both = bootstrap_intervals(rows.repartition(1), ["lr", "rf"], replicates=150)
    assert bootstrap_intervals(rows.repartition(7), ["lr", "rf"], replicates=150) == both
    alone = bootstrap_intervals(rows, ["rf"], replicates=150)
    assert alone["rf"] == both["rf"] != both["lr"]
    other_seed = bootstrap_intervals(rows, ["rf"], replicates=150, seed=2)
    assert other_seed != alone


def test_what_is_never_defined_has_no_interval(spark):
    rows = frame(spark, np.arange(20), np.zeros(20, np.int32), lr=np.zeros(20))
    intervals = bootstrap_intervals(rows, ["lr"], replicates=50)["lr"]
    assert intervals["agn_f1"] is None
    assert intervals["f1"] == [1, 1]


def test_intervals_cover_the_truth_as_often_as_they_say():
    """The truth is the score of the whole population that the samples come from."""
    labels, predicted = sample(2_000_000, seed=8)
    truth = score_arrays(confusions(labels, predicted))["agn_f1"]
    covered = 0
    for trial in range(300):
        part = slice(400 * trial, 400 * (trial + 1))
        cells = (2 * labels[part] + predicted[part]).astype(np.int32)
        batch = pa.record_batch({"o": _hashes(400, seed=trial), "lr": cells})
        counts = replicate_counts(batch, 400, seed=trial).reshape(400, 2, 2)
        low, high = np.quantile(score_arrays(counts)["agn_f1"], [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.91 < covered / 300 < 0.98


def test_weights_are_independent_poisson_numbers():
    drawn = weights(_hashes(5000).view(np.uint64), 202, seed=3)
    assert drawn.shape == (5000, 202)
    observed = np.bincount(drawn.astype(int).ravel())[:7] / drawn.size
    np.testing.assert_allclose(observed, stats.poisson(1).pmf(np.arange(7)), atol=2e-3)
    for axis in (drawn.T, drawn[:200]):  # neither replicates nor objects go together
        correlation = np.corrcoef(axis) - np.eye(len(axis))
        assert np.abs(correlation).max() < 6 / np.sqrt(axis.shape[1])
    neighbours = np.arange(5000, dtype=np.uint64)  # and bad hashes do no harm
    assert abs(np.corrcoef(weights(neighbours, 100, 3)[:200]).mean() - 1 / 200) < 2e-3


def test_a_thousand_replicates_take_no_second():
    cells = {f"cell_{i}": np.arange(10_000, dtype=np.int32) % 4 for i in range(6)}
    batch = pa.record_batch({"object": _hashes(10_000), **cells})
    with threadpool_limits(1):  # as in a Spark task
        started = time.process_time()
        replicate_counts(batch, 1000, seed=1)
        assert time.process_time() - started < 1


def _hashes(n: int, seed: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(-(2**63), 2**63 - 1, n)
