"""Intervals against the usual bootstrap, and what a bootstrap over objects must do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from galspec_spark.ml.evaluation import bootstrap as module
from galspec_spark.ml.evaluation.bootstrap import (
    SCORES,
    bootstrap_intervals,
    replicate_confusions,
)
from galspec_spark.ml.evaluation.scores import score_arrays


def sample(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, a quarter of them AGN, and predictions that are right four times of five."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.25).astype(np.int32)
    return labels, np.where(random.random(n) < 0.8, labels, 1 - labels).astype(np.float64)


def rows_of(objects, labels, **predictions) -> pa.Table:
    names = pa.array(objects).cast(pa.string())
    return pa.table({"object_id": names, "label": labels, **predictions})


def confusions(labels, predicted, weight=None):
    """Return confusion matrices of the last axis, shape (..., 2, 2)."""
    weight = np.ones(labels.shape) if weight is None else weight
    cells = [(weight * ((labels == i) & (predicted == j))).sum(-1) for i in (0, 1) for j in (0, 1)]
    return np.stack(cells, axis=-1).reshape(*cells[0].shape, 2, 2)


def assert_alike(found, expected):
    """Both ends agree within a fraction of the width: 2000 replicates know them to about 3 %."""
    width = expected[1] - expected[0]
    np.testing.assert_allclose(found, expected, atol=0.12 * width)


def test_intervals_are_those_of_the_usual_bootstrap():
    labels, predicted = sample(600)
    ours = bootstrap_intervals(
        rows_of(np.arange(600), labels, lr=predicted), ["lr"], 2, replicates=2000
    )["lr"]
    assert set(ours) == {*SCORES, "f1_of_0", "f1_of_1"}
    assert ours["f1_of_1"] == ours["agn_f1"]
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


def test_objects_are_drawn_with_all_their_spectra():
    """Observing an object four times adds nothing when all four are predicted alike."""
    labels, predicted = sample(300)
    four = {"labels": np.tile(labels, 4), "lr": np.tile(predicted, 4)}
    once = bootstrap_intervals(rows_of(np.arange(300), labels, lr=predicted), ["lr"], 2)["lr"]
    repeated = bootstrap_intervals(rows_of(np.tile(np.arange(300), 4), **four), ["lr"], 2)["lr"]
    for name in SCORES:
        assert repeated[name] == pytest.approx(once[name])
    as_if_others = bootstrap_intervals(rows_of(np.arange(1200), **four), ["lr"], 2)["lr"]
    width = np.diff(once["agn_f1"]) / np.diff(as_if_others["agn_f1"])
    assert width == pytest.approx(2, rel=0.15)


def test_objects_of_different_sizes_agree_with_drawing_objects():
    random = np.random.default_rng(5)
    sizes = random.integers(1, 8, 200)
    objects = np.repeat(np.arange(200), sizes)
    labels, predicted = (np.repeat(values, sizes) for values in sample(200))
    flipped = random.random(len(objects)) < 0.1
    predicted = np.where(flipped, 1 - predicted, predicted)
    ours = bootstrap_intervals(rows_of(objects, labels, lr=predicted), ["lr"], 2, replicates=2000)[
        "lr"
    ]
    drawn = random.multinomial(200, np.full(200, 1 / 200), size=2000)[:, objects]
    replicates = score_arrays(confusions(labels, predicted, drawn))
    for name in ("agn_f1", "f1", "balanced_accuracy"):
        assert_alike(ours[name], np.quantile(replicates[name], [0.025, 0.975]))


def test_the_order_of_rows_and_blocks_do_not_matter_and_models_are_apart(monkeypatch):
    labels, predicted = sample(400)
    rows = rows_of(np.arange(400) // 2, labels, lr=predicted, rf=1 - predicted)
    both = bootstrap_intervals(rows, ["lr", "rf"], 2, replicates=150)
    shuffled = rows.take(np.random.default_rng(1).permutation(400))
    assert bootstrap_intervals(shuffled, ["lr", "rf"], 2, replicates=150) == both
    assert both["lr"] != both["rf"]
    assert bootstrap_intervals(rows, ["lr", "rf"], 2, replicates=150, seed=2) != both
    monkeypatch.setattr(module, "MAX_VALUES", 100)
    assert bootstrap_intervals(rows, ["lr", "rf"], 2, replicates=150) == both


def test_the_same_objects_are_drawn_for_all_models():
    labels, predicted = sample(300)
    rows = rows_of(np.arange(300), labels, lr=predicted, same=predicted, rf=1 - predicted)
    found = replicate_confusions(
        rows["object_id"],
        labels,
        {name: rows[name].to_numpy() for name in ("lr", "same", "rf")},
        2,
        100,
        seed=1,
    )
    np.testing.assert_array_equal(found["lr"], found["same"])
    np.testing.assert_array_equal(found["lr"], found["rf"][:, :, ::-1])
    assert (found["lr"].sum(axis=(1, 2)) == 300).all()


def test_counts_are_those_of_drawing_each_object():
    """Mean and covariance of the cells, where objects have one to seven spectra of any kind."""
    random = np.random.default_rng(5)
    objects = np.repeat(np.arange(60), random.integers(1, 8, 60))
    labels, predicted = sample(len(objects))
    found = replicate_confusions(pa.array(objects), labels, {"lr": predicted}, 2, 20_000, seed=1)
    drawn = random.multinomial(60, np.full(60, 1 / 60), size=20_000)[:, objects]
    ours, expected = (
        each.reshape(-1, 4) for each in (found["lr"], confusions(labels, predicted, drawn))
    )
    spread = expected.std(axis=0)
    assert (np.abs(ours.mean(axis=0) - expected.mean(axis=0)) < 0.05 * spread).all()
    covariances = (np.cov((each / spread).T) for each in (ours, expected))
    np.testing.assert_allclose(*covariances, atol=0.05)


def test_what_is_never_defined_has_no_interval():
    rows = rows_of(np.arange(20), np.zeros(20, np.int32), lr=np.zeros(20))
    intervals = bootstrap_intervals(rows, ["lr"], 2, replicates=50)["lr"]
    assert intervals["agn_f1"] is None
    assert intervals["f1"] == [1, 1]


def test_intervals_cover_the_truth_as_often_as_they_say():
    """The truth is the score of the whole population that the samples come from."""
    labels, predicted = sample(2_000_000, seed=8)
    truth = score_arrays(confusions(labels, predicted))["agn_f1"]
    covered = 0
    for trial in range(300):
        part = slice(400 * trial, 400 * (trial + 1))
        rows = rows_of(np.arange(400), labels[part], lr=predicted[part])
        low, high = bootstrap_intervals(rows, ["lr"], 2, 400, seed=trial)["lr"]["agn_f1"]
        covered += low <= truth <= high
    assert 0.91 < covered / 300 < 0.98


def test_many_decisions_of_four_classes_are_counted():
    """Of 40 decisions there are more kinds than a number of 64 bits can tell."""
    random = np.random.default_rng(9)
    labels = random.integers(0, 4, 300)
    decisions = {str(i): random.integers(0, 4, 300) for i in range(40)}
    objects = pa.array([str(i) for i in range(300)])
    found = replicate_confusions(objects, labels, decisions, 4, 2000, seed=1)
    for name in ("0", "39"):
        expected = np.bincount(4 * labels + decisions[name], minlength=16).reshape(4, 4)
        np.testing.assert_allclose(found[name].mean(axis=0), expected, rtol=0.05, atol=0.3)
        assert (found[name].sum(axis=(1, 2)) == 300).all()
