"""Calibration and thresholds against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats
from scipy.optimize import isotonic_regression
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.metrics import (
    brier_score_loss,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)

from galspec_spark.ml.evaluation.calibration import (
    Calibration,
    brier,
    calibrate,
    choose_threshold,
    reliability,
)

METHODS = ("platt", "isotonic")


def sample(n: int = 3000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and overconfident margins: three times the true log odds."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.5, 1.5, n)
    return (random.random(n) < expit(odds)).astype(int), np.round(3 * odds + 1, 2)


def test_platt_is_scikit_learns():
    labels, scores = sample()
    ours = calibrate(labels, scores, "platt", False)
    theirs = _SigmoidCalibration().fit(scores, labels)
    assert ours.slope == pytest.approx(-theirs.a_, rel=1e-4)
    assert ours.intercept == pytest.approx(-theirs.b_, rel=1e-4)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_platt_does_not_depend_on_the_unit_of_the_score(factor):
    labels, scores = sample()
    ours = calibrate(labels, scores, "platt", False)
    scaled = calibrate(labels, scores * factor, "platt", False)
    np.testing.assert_allclose(scaled.apply(scores * factor), ours.apply(scores), rtol=1e-7)


def test_platt_of_separable_scores_stays_within_its_targets():
    scores = np.concatenate([np.arange(-9.0, 0), np.arange(1.0, 5)])
    ours = calibrate((scores > 0).astype(int), scores, "platt", False)
    assert np.isfinite([ours.slope, ours.intercept]).all()
    assert 0.5 < ours.apply(4.0) < 1


def test_platt_leaves_calibrated_probabilities_as_they_are():
    labels, scores = sample(200_000)
    true = expit((scores - 1) / 3)
    ours = calibrate(labels, true, "platt", True)
    assert ours.slope == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(ours.apply(true), true, atol=0.01)
    assert np.isfinite(ours.apply([0.0, 1.0])).all()


def test_isotonic_is_scipys():
    labels, scores = sample()
    ours = calibrate(labels, scores, "isotonic", False)
    values, index = np.unique(scores, return_inverse=True)
    counts = np.bincount(index)
    theirs = isotonic_regression(np.bincount(index, labels) / counts, weights=counts).x
    np.testing.assert_allclose(ours.apply(values), theirs, atol=1e-12)
    beyond = ours.apply([scores.min() - 2, scores.max() + 2])
    assert beyond.tolist() == [ours.probabilities[0], ours.probabilities[-1]]
    assert len(ours.scores) < 100


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("probabilities", [False, True], ids=["margins", "probabilities"])
def test_calibration_helps_on_other_data_and_survives_json(method, probabilities):
    labels, scores = sample()
    scores = expit(scores) if probabilities else scores
    fitted = calibrate(labels, scores, method, probabilities)
    saved = TypeAdapter(Calibration)
    restored = saved.validate_json(saved.dump_json(fitted))
    assert restored == fitted

    labels, scores = sample(seed=2)
    scores = expit(scores) if probabilities else scores
    ours = restored.apply(scores)
    assert (np.diff(fitted.apply(np.sort(scores))) >= 0).all()
    before = brier_score_loss(labels, scores if probabilities else expit(scores))
    assert brier_score_loss(labels, ours) < before - 0.01


def test_brier_is_scikit_learns():
    labels, scores = sample()
    p = expit(scores)
    found = brier(labels, p)
    assert found["brier"] == pytest.approx(brier_score_loss(labels, p), rel=1e-12)
    base = brier_score_loss(labels, np.full(len(labels), labels.mean()))
    assert found["brier_base_rate"] == pytest.approx(base, rel=1e-12)
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / base)
    assert brier(np.zeros(5, int), np.full(5, 0.1))["brier_skill"] is None


def test_reliability_bins():
    p = np.array([0.0, 0.05, 0.31, 0.39, 0.39, 1.0])
    labels = np.array([0, 0, 1, 0, 0, 1])
    first, middle, last = reliability(labels, p)
    assert (first["probability"], first["share"], first["count"]) == (0.025, 0.0, 2)
    assert middle["probability"] == pytest.approx(0.3633, abs=1e-4)
    assert (middle["share"], middle["count"]) == (pytest.approx(1 / 3), 3)
    scipys = stats.binomtest(1, 3).proportion_ci(method="wilson")
    assert (middle["low"], middle["high"]) == pytest.approx((scipys.low, scipys.high))
    assert (last["probability"], last["share"], last["count"]) == (1.0, 1.0, 1)


def test_calibrated_probabilities_are_reliable_on_other_data():
    fitted = calibrate(*sample(20_000), "platt", False)
    labels, scores = sample(20_000, seed=2)
    bins = reliability(labels, fitted.apply(scores))
    inside = [each["low"] <= each["probability"] <= each["high"] for each in bins]
    assert sum(inside) >= 8
    uncalibrated = reliability(labels, expit(scores))
    assert sum(each["low"] <= each["probability"] <= each["high"] for each in uncalibrated) <= 3


# --- Thresholds ---


def drawn(n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    p = np.round(random.beta(1, 3, n), 2)  # with ties
    return (random.random(n) < p).astype(int), p


@pytest.mark.parametrize("wanted", [None, 0.4, 0.6, 0.75])
def test_threshold_is_the_best_of_scikit_learns_curve(wanted):
    labels, p = drawn()
    found = choose_threshold(labels, p, wanted)
    assert found.reached
    called = p >= found.probability
    assert found.precision == pytest.approx(precision_score(labels, called))
    assert found.recall == pytest.approx(recall_score(labels, called))
    assert found.f1 == pytest.approx(f1_score(labels, called))

    precision, recall, _ = precision_recall_curve(labels, p)
    precision, recall = precision[:-1], recall[:-1]  # the last point is of no threshold
    if wanted is None:
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        assert found.f1 == pytest.approx(f1.max())
    else:
        assert found.precision >= wanted
        assert found.recall == pytest.approx(recall[precision >= wanted].max())


def test_rounding_decides_nothing():
    labels, p = drawn()
    found = choose_threshold(labels, p)
    assert np.abs(p - found.probability).min() > 0.004


def test_precision_that_cannot_be_reached(caplog):
    p = np.array([0.1, 0.2, 0.8, 0.8, 0.9, 0.9, 0.9])
    labels = np.array([0, 1, 1, 1, 0, 1, 1])
    found = choose_threshold(labels, p, 0.9)
    assert not found.reached
    assert found.probability == pytest.approx(0.15)
    assert (found.precision, found.recall) == (pytest.approx(5 / 6), 1.0)
    assert "no threshold has a precision of 0.9: taking the highest, 0.833" in caplog.text


def test_everything_can_be_agn():
    found = choose_threshold(np.array([1, 1]), np.array([0.2, 0.4]))
    assert found.probability <= 0.2
    assert found.f1 == 1


def test_no_agn_is_an_error():
    with pytest.raises(ValueError, match="no AGN"):
        choose_threshold(np.array([0, 0]), np.array([0.2, 0.4]))
