"""The search beside Spark's own cross-validation, and its limits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyspark.errors import IllegalArgumentException
from pyspark.ml import Pipeline
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.linalg import Vectors
from pyspark.ml.tuning import CrossValidator

from galspec_spark.config import Config, SearchConfig
from galspec_spark.ml.evaluation.scores import confusion
from galspec_spark.ml.features.pca import KIND
from galspec_spark.ml.search import search as module
from galspec_spark.ml.search.search import Fold, best_trials, search, search_table, slicer
from galspec_spark.ml.search.settings import build_classifiers

FOLDS = 3
GRIDS = {
    "logistic_regression": {
        "fixed": {"maxIter": 8},
        "grid": {"regParam": [10.0, 0.01], "n_features": [1, 3]},
    },
    "linear_svc": {"fixed": {"maxIter": 2}, "grid": {"regParam": [0.1]}},
}


@pytest.fixture(scope="module")
def rows(spark):
    random = np.random.default_rng(9)
    values = random.normal(size=(150, 3))
    labels = (values[:, 1] + random.normal(0, 0.5, 150) > 0.5).astype(int)
    rows = [
        (i, f"object-{i}", Vectors.dense(v), int(label), i % FOLDS)
        for i, (v, label) in enumerate(zip(values, labels, strict=True))
    ]
    names = ["id", "object_id", "all_features", "label", "fold"]
    return spark.createDataFrame(rows, names).coalesce(1).cache()


def folds_of(rows) -> list[Fold]:
    return [
        Fold(rows.where(f"fold != {fold}"), rows.where(f"fold = {fold}"), [0, 1, 2])
        for fold in range(FOLDS)
    ]


def classifiers(train: dict | None = None):
    settings = {
        "features": {"pca": {"n_components": 3}},
        "n_best": 3,
        "classifiers": GRIDS,
        **(train or {}),
    }
    return build_classifiers(Config.model_validate({"train": settings}).train, KIND)


def run(rows, chosen, **limits):
    return search(chosen, folds_of(rows), SearchConfig(**limits), 2, "search")


@pytest.fixture(scope="module")
def trials(rows):
    return run(rows, classifiers())


def test_same_averages_as_sparks_cross_validator(rows, trials):
    assert len(trials) == 5
    for classifier in {id(trial.classifier): trial.classifier for trial in trials}.values():
        ours = [trial for trial in trials if trial.classifier is classifier]
        slicing = slicer([0, 1, 2])
        validator = CrossValidator(
            estimator=Pipeline(stages=[slicing, classifier.estimator]),
            estimatorParamMaps=[
                {**point.params, slicing.indices: list(range(point.n_features))}
                for point in classifier.points
            ],
            evaluator=MulticlassClassificationEvaluator(metricName="f1"),
            numFolds=FOLDS,
            foldCol="fold",
        )
        oracle = validator.fit(rows.drop("features"))
        np.testing.assert_allclose([trial.f1 for trial in ours], oracle.avgMetrics, atol=1e-9)
        best = best_trials(trials)[classifier.name]
        assert best is ours[int(np.argmax(oracle.avgMetrics))]


def test_a_fold_is_scored_by_a_model_that_has_not_seen_it(rows, trials):
    for trial in trials:
        totals = {fold: int(counts.sum()) for fold, counts in trial.confusions.items()}
        assert totals == dict.fromkeys(range(FOLDS), 50)
    best = best_trials(trials)["logistic_regression"]
    by_hand = best.classifier.estimator.fit(
        slicer(list(range(best.point.n_features))).transform(rows.where("fold != 1")),
        best.point.params,
    )
    np.testing.assert_allclose(
        best.models[1].coefficients.toArray(), by_hand.coefficients.toArray(), rtol=1e-6
    )


def test_only_the_best_points_models_and_scores_are_kept(trials):
    best = best_trials(trials)
    for trial in trials:
        is_best = trial is best[trial.classifier.name]
        assert set(trial.models) == set(trial.scored) == (set(range(FOLDS)) if is_best else set())


def test_scores_of_the_best_are_of_each_fold(trials):
    for trial in best_trials(trials).values():
        for fold, scored in trial.scored.items():
            labels, predictions = (scored[name].to_numpy() for name in ("label", "prediction"))
            scores = scored["score"].to_numpy()
            np.testing.assert_array_equal(confusion(labels, predictions), trial.confusions[fold])
            assert scores[predictions == 0].max() <= scores[predictions == 1].min()


def test_limits(rows, monkeypatch):
    chosen = classifiers()
    tried = run(rows, chosen, max_fits=10)  # three points, the forest's side first
    assert [trial.classifier.name for trial in tried] == [
        "linear_svc",
        "logistic_regression",
        "logistic_regression",
    ]
    assert len(run(rows, chosen, max_fits=1)) == 2  # each classifier's first, whatever the limit
    now = module.time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: now() * 1e9)  # time flies
    tried = run(rows, chosen, max_minutes=0.01)
    assert len(tried) == 2
    assert all(len(trial.confusions) == FOLDS for trial in tried)


def test_random_points_follow_the_grid_and_the_seed():
    random = {"regParam": {"log_uniform": [1e-4, 1.0]}, "n_features": {"integer": [1, 3]}}
    grids = {"logistic_regression": {**GRIDS["logistic_regression"], "random": random}}

    def drawn(seed: int) -> list[tuple[float, int]]:
        train = {"classifiers": grids, "search": {"random_points": 20}, "seed": seed}
        points = classifiers(train)[0].points
        assert [point.origin for point in points] == ["grid"] * 4 + ["random"] * 20
        return [(next(iter(p.params.values())), p.n_features) for p in points[4:]]

    assert drawn(1) == drawn(1) != drawn(2)
    strengths, counts = zip(*drawn(1), strict=True)
    assert min(strengths) > 1e-4
    assert max(strengths) < 1
    assert set(counts) == {1, 2, 3}


def test_points_that_fewer_components_make_equal_are_one():
    (logistic, _) = classifiers()
    assert [point.n_features for point in logistic.limited(1).points] == [1, 1]
    assert [point.n_features for point in logistic.limited(2).points] == [1, 2, 1, 2]


def test_everything_tried_is_in_the_table(trials):
    table = search_table(trials, "pca", "all 3").to_pandas()
    assert len(table) == len(trials) * FOLDS
    assert (table[["tn", "fp", "fn", "tp"]].sum(axis=1) == 50).all()
    means = table.groupby("point")["f1"].mean()
    np.testing.assert_allclose(means, [trial.f1 for trial in trials])
    assert json.loads(table["hyperparameters"][0])["maxIter"] == 2
    assert table["seconds"].gt(0).all()


def test_a_failing_fit_stops_the_search(rows):
    broken = folds_of(rows)
    broken[1] = Fold(rows.where("fold > 99"), rows, [0, 1, 2])  # nothing to fit on
    with pytest.raises(IllegalArgumentException):
        search(classifiers(), broken, SearchConfig(), 2, "search")
