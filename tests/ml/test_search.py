from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml.linalg import Vectors
from sklearn.metrics import confusion_matrix, f1_score

from galspec_spark.config import Config
from galspec_spark.ml.classifiers import build_classifiers
from galspec_spark.ml.search import narrow_partitions, tune

FOLDS = 3
GRID = {"regParam": [10.0, 0.01]}


@pytest.fixture(scope="module")
def train(spark):
    random = np.random.default_rng(9)
    values = random.normal(size=(150, 3))
    labels = (values[:, 0] + random.normal(0, 0.5, 150) > 0.5).astype(int)
    rows = [
        (i, Vectors.dense(v), int(label), i % FOLDS)
        for i, (v, label) in enumerate(zip(values, labels, strict=True))
    ]
    df = spark.createDataFrame(rows, ["id", "features", "label", "fold"])
    return df.coalesce(1).cache()


def classifier(**settings):
    config = Config.model_validate({"train": {"classifiers": {"logistic_regression": settings}}})
    return build_classifiers(config.train)[0]


def test_out_of_fold_confusion_and_choice_equal_fits_by_hand(train):
    tuned = tune(classifier(grid=GRID), train, FOLDS, parallelism=2, what="search")

    by_hand = {}
    for strength in GRID["regParam"]:
        estimator = classifier(fixed={"regParam": strength}).estimator
        rows, means = [], []
        for fold in range(FOLDS):
            model = estimator.fit(train.where(f"fold != {fold}"))
            predicted = model.transform(train.where(f"fold = {fold}"))
            pairs = [
                (r.label, r.prediction) for r in predicted.select("label", "prediction").collect()
            ]
            means.append(f1_score(*zip(*pairs, strict=True), average="weighted"))
            rows += pairs
        by_hand[strength] = np.mean(means), confusion_matrix(*zip(*rows, strict=True))
    best = max(by_hand, key=lambda strength: by_hand[strength][0])
    assert tuned.hyperparameters["regParam"] == best
    np.testing.assert_array_equal(tuned.out_of_fold, by_hand[best][1])


def test_model_is_fitted_on_all_rows_and_predicts_as_usual(train):
    tuned = tune(classifier(grid={"regParam": [0.01]}), train, FOLDS, parallelism=1, what="search")
    whole = classifier(fixed={"regParam": 0.01}).estimator.fit(train)
    np.testing.assert_allclose(tuned.model.coefficients.toArray(), whole.coefficients.toArray())
    assert "prediction" in tuned.model.transform(train).columns
    assert tuned.search_seconds > 0
    assert tuned.fit_seconds > 0


def test_partitions_follow_rows_up_to_the_cores():
    assert [narrow_partitions(rows, 4) for rows in (10, 60_000, 120_000, 10**7)] == [1, 1, 2, 4]
