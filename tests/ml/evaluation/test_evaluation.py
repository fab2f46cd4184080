"""Scores against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from galspec_spark.ml.evaluation import scores as module
from galspec_spark.ml.evaluation.scores import (
    against_rest,
    classification_scores,
    confusion,
    curves,
    score_arrays,
    scores_by_class,
)

N = 400


def predictions(scores: np.ndarray, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions."""
    random = np.random.default_rng(seed)
    labels = (scores + random.normal(0, 1, len(scores)) > 0.8).astype(int)
    return labels, (scores > 0.5).astype(float)


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, N)


def test_confusion_and_scores(scores):
    labels, predicted = predictions(scores)
    counts = confusion(labels, predicted, 2)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(labels, predicted))
    ours = classification_scores(counts)
    for prefix, average, label in (
        ("", "weighted", None),
        ("agn_", "binary", 1),
        ("other_", "binary", 0),
    ):
        kind = {"average": average} if label is None else {"average": average, "pos_label": label}
        expected = metrics.precision_recall_fscore_support(labels, predicted, **kind)[:3]
        found = [ours[f"{prefix}{name}"] for name in ("precision", "recall", "f1")]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    balanced = metrics.balanced_accuracy_score(labels, predicted)
    assert ours["balanced_accuracy"] == pytest.approx(balanced, rel=1e-12)
    assert ours["mcc"] == pytest.approx(metrics.matthews_corrcoef(labels, predicted), rel=1e-12)


def test_scores_of_many_matrices_are_those_of_each():
    random = np.random.default_rng(9)
    counts = random.integers(0, 4, size=(5, 40, 2, 2))  # small enough that some are not defined
    many = score_arrays(counts)
    assert np.isnan(many["mcc"]).any()
    for index in np.ndindex(5, 40):
        for name, value in classification_scores(counts[index]).items():
            found = many[name][index]
            assert np.isnan(found) if value is None else found == pytest.approx(value, abs=1e-15)


def test_large_counts_do_not_overflow():
    scores = classification_scores(np.array([[8, 1], [1, 2]]) * 10**8)
    assert scores["mcc"] == pytest.approx(classification_scores(np.array([[8, 1], [1, 2]]))["mcc"])


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_curves(scores, ties):
    scores = np.round(scores, 1) if ties else scores
    labels, _ = predictions(scores)
    ours = curves(labels, scores)
    assert ours.roc_auc == pytest.approx(metrics.roc_auc_score(labels, scores), rel=1e-12)
    assert ours.pr_auc == pytest.approx(metrics.average_precision_score(labels, scores), rel=1e-12)
    false, true, _ = metrics.roc_curve(labels, scores)
    np.testing.assert_allclose(ours.roc, [false, true])
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(ours.pr, [recall[-2::-1], precision[-2::-1]])


def test_long_curves_are_thinned_and_their_areas_are_not(scores, monkeypatch):
    labels, _ = predictions(scores)
    whole = curves(labels, scores)
    monkeypatch.setattr(module, "CURVE_POINTS", 40)
    ours = curves(labels, scores)
    assert (ours.roc_auc, ours.pr_auc) == (whole.roc_auc, whole.pr_auc)
    for thin, full in ((ours.roc, whole.roc), (ours.pr, whole.pr)):
        assert 20 < thin.shape[1] <= 40 < full.shape[1]
        np.testing.assert_array_equal(thin[:, [0, -1]], full[:, [0, -1]])
        assert set(map(tuple, thin.T)) <= set(map(tuple, full.T))
        distances = np.linalg.norm(full[:, :, None] - thin[:, None], axis=0)
        assert distances.min(axis=1).max() < 0.1  # no part of the curve is left out
    assert np.trapezoid(ours.roc[1], ours.roc[0]) == pytest.approx(whole.roc_auc, abs=0.01)


def test_no_rows_have_no_confusion():
    np.testing.assert_array_equal(confusion([], [], 2), np.zeros((2, 2)))


def test_scores_of_three_classes_are_scikit_learns():
    random = np.random.default_rng(7)
    labels = random.integers(0, 3, N)
    predicted = np.where(random.random(N) < 0.6, labels, random.integers(0, 3, N))
    counts = confusion(labels, predicted, 3)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(labels, predicted))
    ours = classification_scores(counts)
    assert ours["mcc"] == pytest.approx(metrics.matthews_corrcoef(labels, predicted), rel=1e-12)
    assert ours["f1"] == pytest.approx(metrics.f1_score(labels, predicted, average="weighted"))
    expected = metrics.precision_recall_fscore_support(labels, predicted)[:3]
    np.testing.assert_allclose(list(scores_by_class(counts).values()), expected, rtol=1e-12)
    assert ours["agn_f1"] == pytest.approx(expected[2][2])  # the last class
    assert "other_f1" not in ours
    of_agn = against_rest(np.stack([counts, 2 * counts]))
    np.testing.assert_array_equal(of_agn[0], metrics.confusion_matrix(labels == 2, predicted == 2))
    np.testing.assert_array_equal(of_agn[1], 2 * of_agn[0])


def test_what_is_undefined_is_none():
    never_agn = classification_scores(np.array([[8, 0], [2, 0]]))
    assert never_agn["agn_precision"] is None
    assert never_agn["agn_f1"] == 0
    assert never_agn["balanced_accuracy"] == 0.5
    assert never_agn["mcc"] is None
    expected = metrics.precision_score(
        [0] * 8 + [1] * 2, [0] * 10, average="weighted", zero_division=0
    )
    assert never_agn["precision"] == pytest.approx(expected)
    no_agn = classification_scores(np.array([[10, 0], [0, 0]]))
    assert (no_agn["agn_recall"], no_agn["agn_f1"], no_agn["f1"]) == (None, None, 1.0)
    assert (no_agn["balanced_accuracy"], no_agn["mcc"]) == (None, None)
    one_class = curves(np.zeros(2, int), np.array([0.1, 0.9]))
    assert (one_class.roc_auc, one_class.pr_auc) == (None, None)
