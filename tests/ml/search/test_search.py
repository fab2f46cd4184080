"""The search beside Spark's own cross-validation, and its limits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyspark.errors import AnalysisException
from pyspark.ml import Pipeline
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.tuning import CrossValidator

from galspec_spark.config import Config, SearchConfig
from galspec_spark.ml.evaluation.scores import confusion
from galspec_spark.ml.features.pca import KIND
from galspec_spark.ml.search import fits
from galspec_spark.ml.search import search as module
from galspec_spark.ml.search.fits import slicer
from galspec_spark.ml.search.search import best_trials, search, search_table
from galspec_spark.ml.search.settings import build_classifiers
from tests.ml.feature_files import feature_table

FOLDS = 3
GRIDS = {
    "logistic_regression": {
        "fixed": {"maxIter": 100, "tol": 1e-10},
        "grid": {"regParam": [10.0, 0.01], "n_features": [1, 3]},
    },
    "linear_svc": {"fixed": {"maxIter": 15}, "grid": {"regParam": [0.1]}},
    "random_forest": {"fixed": {"numTrees": 5, "seed": 3}, "grid": {"maxDepth": [1, 4]}},
}
LINEAR = {name: GRIDS[name] for name in ("logistic_regression", "linear_svc")}


@pytest.fixture(scope="module")
def table(spark, tmp_path_factory):
    random = np.random.default_rng(9)
    values = random.normal(size=(150, 3))
    labels = (values[:, 1] + random.normal(0, 0.5, 150) > 0.5).astype(int)
    fold = np.arange(150) % FOLDS
    return feature_table(spark, tmp_path_factory.mktemp("features"), values, labels, fold, parts=2)


def classifiers(train: dict | None = None):
    settings = {
        "features": {"pca": {"n_components": 3}},
        "n_best": 3,
        "classifiers": GRIDS,
        **(train or {}),
    }
    return build_classifiers(Config.model_validate({"train": settings}).train, KIND)


@pytest.fixture
def run(table, tmp_path):
    def run(chosen, **limits):
        of_fold = [[0, 1, 2]] * FOLDS
        return search(chosen, table, of_fold, SearchConfig(**limits), 2, "search", tmp_path)

    return run


@pytest.fixture(scope="module")
def trials(table, tmp_path_factory):
    of_fold, scratch = [[0, 1, 2]] * FOLDS, tmp_path_factory.mktemp("models")
    return search(classifiers(), table, of_fold, SearchConfig(), 2, "search", scratch)


def test_same_averages_as_sparks_cross_validator(table, trials):
    assert len(trials) == 7
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
        oracle = validator.fit(table.rows)
        # Spark's own support vector machine is not at its minimum, which takes it minutes.
        apart = 0.02 if classifier.name == "linear_svc" else 1e-9
        np.testing.assert_allclose([trial.f1 for trial in ours], oracle.avgMetrics, atol=apart)
        best = best_trials(trials)[classifier.name]
        assert best is ours[int(np.argmax(oracle.avgMetrics))]


def test_a_fold_is_scored_by_a_model_that_has_not_seen_it(table, trials):
    for trial in trials:
        totals = {fold: int(counts.sum()) for fold, counts in trial.confusions.items()}
        assert totals == dict.fromkeys(range(FOLDS), 50)
    best = best_trials(trials)["logistic_regression"]
    by_hand = best.classifier.estimator.fit(
        slicer(list(range(best.point.n_features))).transform(table.rows.where("fold != 1")),
        best.point.params,
    )
    np.testing.assert_allclose(best.scorers[1].weights, by_hand.coefficients.toArray(), rtol=1e-5)


def test_only_the_best_points_models_and_scores_are_kept(trials):
    best = best_trials(trials)
    for trial in trials:
        is_best = trial is best[trial.classifier.name]
        expected = set(range(FOLDS)) if is_best else set()
        assert set(trial.scorers) == set(trial.scored) == expected


def test_scores_of_the_best_are_of_each_fold(trials):
    for trial in best_trials(trials).values():
        for fold, scored in trial.scored.items():
            labels, predictions = (scored[name].to_numpy() for name in ("label", "prediction"))
            scores = scored["score"].to_numpy()
            np.testing.assert_array_equal(confusion(labels, predictions), trial.confusions[fold])
            assert scores[predictions == 0].max() <= scores[predictions == 1].min()


def test_more_rows_than_a_task_holds_are_fitted_by_spark_with_the_same_result(
    run, trials, monkeypatch
):
    monkeypatch.setattr(fits, "MOST_VALUES", 449)
    monkeypatch.setattr(module, "solve", lambda table, works: [] if not works else 1 / 0)
    of_logistic = [t for t in trials if t.classifier.name == "logistic_regression"]
    by_spark = run(
        classifiers({"classifiers": {"logistic_regression": GRIDS["logistic_regression"]}})
    )
    for ours, theirs in zip(of_logistic, by_spark, strict=True):
        for fold in range(FOLDS):
            np.testing.assert_array_equal(ours.confusions[fold], theirs.confusions[fold])


def test_a_forest_is_grown_once_for_all_depths(run, monkeypatch):
    fitted = []
    grown = fits.timed_fit
    monkeypatch.setattr(fits, "timed_fit", lambda *args: fitted.append(args) or grown(*args))
    forest = {"random_forest": {**GRIDS["random_forest"], "grid": {"maxDepth": [1, 2, 4]}}}
    tried = run(classifiers({"classifiers": forest}))
    assert len(tried) == 3
    assert len(fitted) == FOLDS


def test_limits(run, monkeypatch):
    chosen = classifiers({"classifiers": LINEAR})
    tried = run(chosen, max_fits=10)  # three points, the costlier side first
    assert [trial.classifier.name for trial in tried] == [
        "linear_svc",
        "logistic_regression",
        "logistic_regression",
    ]
    assert len(run(chosen, max_fits=1)) == 2  # each classifier's first, whatever the limit
    now = module.time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: now() * 1e9)  # time flies
    tried = run(chosen, max_minutes=0.01)
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
    logistic = classifiers()[0]
    assert [point.n_features for point in logistic.limited(1).points] == [1, 1]
    assert [point.n_features for point in logistic.limited(2).points] == [1, 2, 1, 2]


def test_everything_tried_is_in_the_table(trials):
    table = search_table(trials, "pca", "all 3").to_pandas()
    assert len(table) == len(trials) * FOLDS
    assert (table[["tn", "fp", "fn", "tp"]].sum(axis=1) == 50).all()
    means = table.groupby("point")["f1"].mean()
    np.testing.assert_allclose(means, [trial.f1 for trial in trials])
    assert json.loads(table["hyperparameters"][0])["numTrees"] == 5
    assert table["seconds"].gt(0).all()


def test_a_failing_fit_stops_the_search(table, run, monkeypatch):
    monkeypatch.setattr(module, "fold_column", lambda fold: f"fold-{fold}")  # is not there
    with pytest.raises(AnalysisException):
        run(classifiers({"classifiers": {"random_forest": GRIDS["random_forest"]}}))
