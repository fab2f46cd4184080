"""Scores against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from galspec_spark.ml.evaluation import score_counts
from galspec_spark.ml.evaluation.scores import (
    classification_scores,
    confusion,
    curves,
    score_arrays,
)

N = 400


def predictions(spark, scores: np.ndarray, seed: int = 4):
    """Return (label, prediction, score) as arrays and as a DataFrame."""
    random = np.random.default_rng(seed)
    labels = (scores + random.normal(0, 1, len(scores)) > 0.8).astype(int)
    predicted = (scores > 0.5).astype(float)
    objects = [f"object-{i}" for i in range(len(scores))]
    columns = {"object_id": objects, "label": labels, "prediction": predicted, "score": scores}
    return labels, predicted, spark.createDataFrame(pa.table(columns))


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, N)


def test_confusion_and_scores(spark, scores):
    labels, predicted, df = predictions(spark, scores)
    counts = confusion(df)
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
def test_curves(spark, scores, ties):
    scores = np.round(scores, 1) if ties else scores
    labels, _, df = predictions(spark, scores)
    ours = curves(df, N)
    assert ours.roc_auc == pytest.approx(metrics.roc_auc_score(labels, scores), rel=1e-12)
    assert ours.pr_auc == pytest.approx(metrics.average_precision_score(labels, scores), rel=1e-12)
    false, true, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.roc, [false, true])
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(ours.pr, [recall[-2::-1], precision[-2::-1]])


def test_many_predictions_are_binned(spark, scores, monkeypatch):
    monkeypatch.setattr(score_counts, "MAX_SCORES", N // 2)
    monkeypatch.setattr(score_counts, "BINS", N // 8)
    labels, _, df = predictions(spark, scores)
    ours = curves(df, N)
    assert ours.roc.shape[1] == N // 8 + 1
    assert ours.roc_auc == pytest.approx(metrics.roc_auc_score(labels, scores), abs=0.005)
    assert ours.pr_auc == pytest.approx(metrics.average_precision_score(labels, scores), abs=0.02)


def test_what_is_undefined_is_none(spark):
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
    one_class = spark.createDataFrame(
        [(0, 0.0, 0.1), (0, 1.0, 0.9)], "label int, prediction double, score double"
    )
    assert curves(one_class, 2).roc_auc is None
    assert curves(one_class, 2).pr_auc is None
