"""Calibration against scikit-learn's, alone and in Spark."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from pyspark.sql import functions as F
from scipy import stats
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from galspec_spark.ml.evaluation import score_counts as binning
from galspec_spark.ml.evaluation.calibration import (
    Calibration,
    brier,
    calibrate,
    probability,
    reliability,
)
from galspec_spark.ml.evaluation.score_counts import ScoreCounts, score_counts

METHODS = ("platt", "isotonic")


def counted(labels: np.ndarray, scores: np.ndarray) -> ScoreCounts:
    return ScoreCounts.of(scores, labels, 1 - labels)


def sample(n: int = 3000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and overconfident margins: three times the true log odds."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.5, 1.5, n)
    return (random.random(n) < expit(odds)).astype(int), np.round(3 * odds + 1, 2)


def rows(spark, labels, scores):
    objects = [f"object-{i}" for i in range(len(labels))]
    return spark.createDataFrame(pa.table({"object_id": objects, "label": labels, "score": scores}))


def test_counts_are_of_each_score(spark):
    labels, scores = sample()
    found = score_counts(rows(spark, labels, scores), len(labels))
    expected = counted(labels, scores)
    for name in ("score", "agn", "other"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("method", METHODS)
def test_bins_of_many_scores_give_the_same_calibration(spark, monkeypatch, method):
    monkeypatch.setattr(binning, "MAX_SCORES", 1000)
    monkeypatch.setattr(binning, "BINS", 500)
    labels, scores = sample()
    found = score_counts(rows(spark, labels, scores), len(labels))
    assert 400 < len(found.score) <= 500
    assert found.count.sum() == len(labels)
    binned, exact = (
        calibrate(counts, method, False).apply(scores)
        for counts in (found, counted(labels, scores))
    )
    assert np.abs(binned - exact).mean() < 0.005


def test_platt_is_scikit_learns():
    labels, scores = sample()
    ours = calibrate(counted(labels, scores), "platt", False)
    theirs = _SigmoidCalibration().fit(scores, labels)
    assert ours.slope == pytest.approx(-theirs.a_, rel=1e-4)
    assert ours.intercept == pytest.approx(-theirs.b_, rel=1e-4)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_platt_does_not_depend_on_the_unit_of_the_score(factor):
    labels, scores = sample()
    ours = calibrate(counted(labels, scores), "platt", False)
    scaled = calibrate(counted(labels, scores * factor), "platt", False)
    np.testing.assert_allclose(scaled.apply(scores * factor), ours.apply(scores), rtol=1e-7)


def test_platt_of_separable_scores_stays_within_its_targets():
    scores = np.concatenate([np.arange(-9.0, 0), np.arange(1.0, 5)])
    ours = calibrate(counted((scores > 0).astype(int), scores), "platt", False)
    assert np.isfinite([ours.slope, ours.intercept]).all()
    assert 0.5 < ours.apply(4.0) < 1


def test_platt_leaves_calibrated_probabilities_as_they_are():
    labels, scores = sample(200_000)
    true = expit((scores - 1) / 3)
    ours = calibrate(counted(labels, true), "platt", True)
    assert ours.slope == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(ours.apply(true), true, atol=0.01)
    assert np.isfinite(ours.apply([0.0, 1.0])).all()


def test_isotonic_is_scikit_learns():
    labels, scores = sample()
    ours = calibrate(counted(labels, scores), "isotonic", False)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    x = np.linspace(scores.min() - 2, scores.max() + 2, 5000)
    np.testing.assert_allclose(ours.apply(x), theirs.predict(x), atol=1e-12)
    assert len(ours.scores) < 100


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("probabilities", [False, True], ids=["margins", "probabilities"])
def test_calibration_helps_on_other_data_and_is_the_same_in_spark(spark, method, probabilities):
    labels, scores = sample()
    scores = expit(scores) if probabilities else scores
    fitted = calibrate(counted(labels, scores), method, probabilities)
    saved = TypeAdapter(Calibration)
    restored = saved.validate_json(saved.dump_json(fitted))
    assert restored == fitted

    labels, scores = sample(seed=2)
    scores = expit(scores) if probabilities else scores
    ours = fitted.apply(scores)
    assert (np.diff(fitted.apply(np.sort(scores))) >= 0).all()
    before = brier_score_loss(labels, scores if probabilities else expit(scores))
    assert brier_score_loss(labels, ours) < before - 0.01

    content = pa.table({"i": range(len(scores) + 1), "score": [*scores.tolist(), None]})
    column = probability(restored, F.col("score")).alias("p")
    found = [row.p for row in spark.createDataFrame(content).orderBy("i").select(column).collect()]
    assert found[-1] is None
    np.testing.assert_allclose(found[:-1], ours, rtol=1e-12, atol=1e-15)


def test_counts_by_probability():
    labels, scores = sample()
    fitted = calibrate(counted(labels, scores), "isotonic", False)
    found = fitted.counts(counted(labels, scores))
    expected = counted(labels, fitted.apply(scores))
    for name in ("score", "agn", "other"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_brier_is_scikit_learns():
    labels, scores = sample()
    p = expit(scores)
    found = brier(counted(labels, p))
    assert found["brier"] == pytest.approx(brier_score_loss(labels, p), rel=1e-12)
    base = brier_score_loss(labels, np.full(len(labels), labels.mean()))
    assert found["brier_base_rate"] == pytest.approx(base, rel=1e-12)
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / base)
    assert brier(counted(np.zeros(5, int), np.full(5, 0.1)))["brier_skill"] is None


def test_reliability_bins():
    p = np.array([0.0, 0.05, 0.31, 0.39, 0.39, 1.0])
    labels = np.array([0, 0, 1, 0, 0, 1])
    first, middle, last = reliability(counted(labels, p))
    assert (first["probability"], first["share"], first["count"]) == (0.025, 0.0, 2)
    assert middle["probability"] == pytest.approx(0.3633, abs=1e-4)
    assert (middle["share"], middle["count"]) == (pytest.approx(1 / 3), 3)
    scipys = stats.binomtest(1, 3).proportion_ci(method="wilson")
    assert (middle["low"], middle["high"]) == pytest.approx((scipys.low, scipys.high))
    assert (last["probability"], last["share"], last["count"]) == (1.0, 1.0, 1)


def test_calibrated_probabilities_are_reliable_on_other_data():
    fitted = calibrate(counted(*sample(20_000)), "platt", False)
    labels, scores = sample(20_000, seed=2)
    bins = reliability(fitted.counts(counted(labels, scores)))
    inside = [each["low"] <= each["probability"] <= each["high"] for each in bins]
    assert sum(inside) >= 8
    uncalibrated = reliability(counted(labels, expit(scores)))
    assert sum(each["low"] <= each["probability"] <= each["high"] for each in uncalibrated) <= 3
