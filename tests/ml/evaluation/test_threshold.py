"""Thresholds against scikit-learn's precision-recall curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve, precision_score, recall_score

from galspec_spark.ml.evaluation.score_counts import ScoreCounts
from galspec_spark.ml.evaluation.threshold import choose_threshold


def counted(labels: np.ndarray, scores: np.ndarray) -> ScoreCounts:
    return ScoreCounts.of(scores, labels, 1 - labels)


def sample(n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    p = np.round(random.beta(1, 3, n), 2)  # with ties
    return (random.random(n) < p).astype(int), p


@pytest.mark.parametrize("wanted", [None, 0.4, 0.6, 0.75])
def test_threshold_is_the_best_of_scikit_learns_curve(wanted):
    labels, p = sample()
    found = choose_threshold(counted(labels, p), wanted)
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
    labels, p = sample()
    found = choose_threshold(counted(labels, p))
    assert np.abs(p - found.probability).min() > 0.004


def test_precision_that_cannot_be_reached(caplog):
    p = np.array([0.1, 0.2, 0.8, 0.8, 0.9, 0.9, 0.9])
    labels = np.array([0, 1, 1, 1, 0, 1, 1])
    found = choose_threshold(counted(labels, p), 0.9)
    assert not found.reached
    assert found.probability == pytest.approx(0.15)
    assert (found.precision, found.recall) == (pytest.approx(5 / 6), 1.0)
    assert "no threshold has a precision of 0.9: taking the highest, 0.833" in caplog.text


def test_everything_can_be_agn():
    found = choose_threshold(counted(np.array([1, 1]), np.array([0.2, 0.4])))
    assert found.probability <= 0.2
    assert found.f1 == 1


def test_no_agn_is_an_error():
    with pytest.raises(ValueError, match="no AGN"):
        choose_threshold(counted(np.array([0, 0]), np.array([0.2, 0.4])))
