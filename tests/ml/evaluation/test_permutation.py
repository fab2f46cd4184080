"""Permutation importance against scikit-learn's, and where it must all lie."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as scikit_learns
from sklearn.linear_model import LogisticRegression

from galspec_spark.ml.evaluation import permutation
from galspec_spark.ml.evaluation.permutation import permutation_importance

COMPONENTS = [7, 0, 3]


def sample(weights, n: int = 600, seed: int = 1):
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 3)) * [1.0, 10.0, 0.1]
    margin = values / [1.0, 10.0, 0.1] @ weights + random.normal(0, 0.3, n)
    return values, (margin > 0.5).astype(int)


def predict_with(model):
    return lambda features: (model.predict(features), model.decision_function(features))


def test_all_importance_is_where_the_labels_come_from():
    values, labels = sample([0.0, 2.0, 0.0])
    model = LogisticRegression().fit(values, labels)
    found = permutation_importance(predict_with(model), values, labels, COMPONENTS, repeats=2)
    assert [each["feature"] for each in found] == COMPONENTS
    for key in ("f1_drop", "pr_auc_drop"):
        first, used, last = (each[key] for each in found)
        assert used > 0.3
        assert max(abs(first), abs(last)) < 0.02


def test_importance_is_scikit_learns():
    weights = [1.0, 2.0, 0.3]
    model = LogisticRegression().fit(*sample(weights))
    values, labels = sample(weights, seed=2)
    ours = permutation_importance(predict_with(model), values, labels, COMPONENTS, repeats=20)
    theirs = scikit_learns(
        model, values, labels, scoring=["f1", "average_precision"], n_repeats=20, random_state=3
    )
    for score, mean, sd in (
        ("f1", "f1_drop", "f1_sd"),
        ("average_precision", "pr_auc_drop", "pr_auc_sd"),
    ):
        expected, spread = theirs[score].importances_mean, theirs[score].importances_std
        np.testing.assert_allclose([each[mean] for each in ours], expected, atol=0.02)
        np.testing.assert_allclose([each[sd] for each in ours], spread, rtol=1, atol=0.002)


def test_memory_is_bounded_and_results_do_not_depend_on_it(monkeypatch):
    values, labels = sample([1.0, 2.0, 0.5], n=100)
    model = LogisticRegression().fit(values, labels)
    predict, sizes = predict_with(model), []

    def counted(features):
        sizes.append(len(features))
        return predict(features)

    at_once = permutation_importance(predict, values, labels, COMPONENTS, repeats=2)
    monkeypatch.setattr(permutation, "MAX_VALUES", 4 * 100 * 3)
    in_pieces = permutation_importance(counted, values, labels, COMPONENTS, repeats=2)
    assert sizes == [100, 400, 200]
    assert in_pieces == at_once


def test_rows_of_one_class_are_an_error():
    values, labels = sample([0.0, 2.0, 0.0])
    model = LogisticRegression().fit(values, labels)
    with pytest.raises(ValueError, match="one class"):
        permutation_importance(predict_with(model), values, np.zeros_like(labels), COMPONENTS)
