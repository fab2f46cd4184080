"""Permutation importance against scikit-learn's, and where it must all lie."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml.classification import LinearSVC, LogisticRegression, RandomForestClassifier
from pyspark.ml.linalg import Vectors
from sklearn.inspection import permutation_importance as scikit_learns
from sklearn.linear_model import LogisticRegression as ScikitLearnsRegression

from galspec_spark.ml.evaluation import permutation
from galspec_spark.ml.evaluation.permutation import permutation_importance

COMPONENTS = [7, 0, 3]


def sample(weights, n: int = 600, seed: int = 1):
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 3)) * [1.0, 10.0, 0.1]
    margin = values / [1.0, 10.0, 0.1] @ weights + random.normal(0, 0.3, n)
    return values, (margin > 0.5).astype(int)


def frame(spark, values, labels):
    rows = [
        (f"spectrum-{i}", int(label), Vectors.dense(v))
        for i, (v, label) in enumerate(zip(values, labels, strict=True))
    ]
    return spark.createDataFrame(rows, ["spectrum_id", "label", "features"]).coalesce(1)


ESTIMATORS = {
    LogisticRegression: {"regParam": 0.01},
    LinearSVC: {"regParam": 0.01, "maxIter": 20},
    RandomForestClassifier: {"numTrees": 10, "maxDepth": 3, "seed": 1},
}


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_all_importance_is_where_the_labels_come_from(spark, kind):
    rows = frame(spark, *sample([0.0, 2.0, 0.0])).cache()
    model = kind(**ESTIMATORS[kind]).fit(rows)
    found = permutation_importance(model, "features", rows, COMPONENTS, repeats=2)
    assert [each["component"] for each in found] == COMPONENTS
    for key in ("f1_drop", "pr_auc_drop"):
        first, used, last = (each[key] for each in found)
        assert used > 0.3
        assert max(abs(first), abs(last)) < 0.02
    rows.unpersist()


def test_importance_is_scikit_learns(spark):
    weights = [1.0, 2.0, 0.3]
    rows = frame(spark, *sample(weights))
    model = LogisticRegression().fit(rows)
    values, labels = sample(weights, seed=2)
    ours = permutation_importance(
        model, "features", frame(spark, values, labels), COMPONENTS, repeats=20
    )
    peer = ScikitLearnsRegression()
    peer.fit(*sample(weights))
    peer.coef_, peer.intercept_ = model.coefficients.toArray()[None], np.array([model.intercept])
    theirs = scikit_learns(
        peer, values, labels, scoring=["f1", "average_precision"], n_repeats=20, random_state=3
    )
    for score, mean, sd in (
        ("f1", "f1_drop", "f1_sd"),
        ("average_precision", "pr_auc_drop", "pr_auc_sd"),
    ):
        expected, spread = theirs[score].importances_mean, theirs[score].importances_std
        np.testing.assert_allclose([each[mean] for each in ours], expected, atol=0.02)
        np.testing.assert_allclose([each[sd] for each in ours], spread, rtol=1, atol=0.002)


def test_rows_and_memory_are_bounded_and_results_do_not_depend_on_either(spark, monkeypatch):
    rows = frame(spark, *sample([1.0, 2.0, 0.5], n=300))
    model = LogisticRegression().fit(rows)
    monkeypatch.setattr(permutation, "MAX_ROWS", 100)
    at_once = permutation_importance(model, "features", rows, COMPONENTS, repeats=2)
    monkeypatch.setattr(permutation, "MAX_VALUES", 2 * 100 * 3)
    original, tables = permutation._scores, []

    def counted(model, column, copies):
        tables.append(copies.count())
        return original(model, column, copies)

    monkeypatch.setattr(permutation, "_scores", counted)
    shuffled = rows.repartition(5)
    in_pieces = permutation_importance(model, "features", shuffled, COMPONENTS, repeats=2)
    assert tables == [200, 200, 200, 100]
    for one, other in zip(at_once, in_pieces, strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_rows_of_one_class_are_an_error(spark):
    rows = frame(spark, *sample([0.0, 2.0, 0.0]))
    model = LogisticRegression().fit(rows)
    with pytest.raises(ValueError, match="one class"):
        permutation_importance(model, "features", rows.where("label = 0"), COMPONENTS)
