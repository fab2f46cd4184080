"""The search beside Spark's own cross-validation, and its limits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from pyspark.errors import AnalysisException
from pyspark.ml.feature import VectorSlicer
from pyspark.ml.tuning import CrossValidator

from galspec_spark.config import Config
from galspec_spark.config.training import STOCK
from galspec_spark.ml.evaluation.scores import confusion
from galspec_spark.ml.features.pca import KIND
from galspec_spark.ml.search import fits
from galspec_spark.ml.search import search as module
from galspec_spark.ml.search.compare import FeatureSet, compare
from galspec_spark.ml.search.settings import build_classifiers
from galspec_spark.ml.search.table import search_table
from galspec_spark.ml.search.trial import best_trials
from tests.ml.feature_files import feature_table

FOLDS = 2
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


def config(train: dict | None = None):
    settings = {
        "features": {"pca": {"n_components": 3}},
        "n_best": 3,
        "classifiers": GRIDS,
        "parallelism": 2,
        **(train or {}),
    }
    return Config.model_validate({"train": settings}).train


def compared(table, scratch, train: dict | None = None):
    """Return what was trained, and what was tried."""
    settings = config(train)
    features = FeatureSet.everything("pca", 3, FOLDS)
    return compare(build_classifiers(settings, KIND), table, features, settings, scratch)


@pytest.fixture
def run(table, tmp_path):
    """Return the trials of a search."""

    def run(chosen: dict, **limits):
        train = {"classifiers": chosen, "search": limits}
        return [each.trial for each in compared(table, tmp_path, train)[1]]

    return run


@pytest.fixture(scope="module")
def tried(table, tmp_path_factory):
    return compared(table, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def trials(tried):
    return [each.trial for each in tried[1]]


def test_same_averages_and_models_as_sparks_cross_validator(
    table, tried, trials, tmp_path, monkeypatch
):
    found = []
    fit = CrossValidator.fit
    monkeypatch.setattr(CrossValidator, "fit", lambda *args: found.append(fit(*args)) or found[-1])
    by_spark = compared(table, tmp_path, {"search": {"cross_validator": STOCK}})
    theirs = {each.trial.index: each.trial for each in by_spark[1]}
    assert len(theirs) == len(trials) == 7
    # What is read of Spark's models gives the averages of its evaluator.
    scores = [theirs[index].score for index in range(7)]
    np.testing.assert_allclose(scores, found[0].avgMetrics, atol=1e-12)
    for trial in trials:
        # Spark's own support vector machine is not at its minimum, which takes it minutes.
        apart = 0.02 if trial.classifier == "linear_svc" else 1e-9
        np.testing.assert_allclose(trial.score, scores[trial.index], atol=apart)
    for ours, stock in zip(tried[0], by_spark[0], strict=True):
        assert (ours.classifier, ours.trial.index) == (stock.classifier, stock.trial.index)
        apart = 0.1 if ours.classifier == "linear_svc" else 1e-4
        weights = ours.scorer.weights, stock.scorer.weights
        np.testing.assert_allclose(*weights, rtol=apart, atol=apart)


def test_a_fold_is_scored_by_a_model_that_has_not_seen_it(table, trials):
    for trial in trials:
        totals = {fold: int(counts.sum()) for fold, counts in trial.confusions.items()}
        assert totals == dict.fromkeys(range(FOLDS), 75)
    best = best_trials(trials)["logistic_regression"]
    rows = table.rows.where("fold != 1").select("label", "all_features")
    slicing = VectorSlicer(inputCol="all_features", outputCol="features", indices=best.features)
    by_hand = best.estimator.fit(slicing.transform(rows))
    np.testing.assert_allclose(best.scorers[1].weights, by_hand.coefficients.toArray(), rtol=1e-5)


def test_features_of_each_fold_are_its_own(spark, tmp_path):
    """With features of the other folds' rows only, a fold's rows are not what they seem."""
    random = np.random.default_rng(5)
    values, fold = random.normal(size=(90, 3)), np.arange(90) % FOLDS
    labels = (values[:, 0] > 0).astype(int)
    table = feature_table(spark, tmp_path, values, labels, fold, negated=1)
    only = {"logistic_regression": {"fixed": {"regParam": 0.01}}}
    (trained,), (each,) = compared(table, tmp_path, {"classifiers": only})
    assert [each.trial.scorers[fold].weights[0] > 0 for fold in range(FOLDS)] == [True, False]
    assert trained.scorer.weights[0] > 0
    assert min(each.trial.fold_scores) > 0.9


def test_features_are_chosen_for_each_fold(table, tmp_path):
    settings = config({"classifiers": {"logistic_regression": {"grid": {"n_features": [1, 2]}}}})
    chosen = FeatureSet("pca", "best 2", [1, 0], [[2, 0], [1, 2]])
    (trained,), tried = compare(
        build_classifiers(settings, KIND), table, chosen, settings, tmp_path
    )
    assert [each.point.n_features for each in tried] == [1, 2]
    assert trained.selected == [1, 0][: trained.trial.features[-1] + 1]
    scores = tried[0].trial.fold_scores
    assert scores[0] < 0.75 < scores[1]  # the label follows the second


def test_only_the_best_points_models_and_scores_are_kept(trials):
    best = best_trials(trials)
    for trial in trials:
        is_best = trial is best[trial.classifier]
        expected = set(range(FOLDS)) if is_best else set()
        assert set(trial.scorers) == set(trial.scored) == expected


def test_scores_of_the_best_are_of_each_fold(table, trials):
    for trial in best_trials(trials).values():
        for fold, scored in trial.scored.items():
            labels, predictions = (scored[name].to_numpy() for name in ("label", "prediction"))
            scores = scored["score"].to_numpy()
            np.testing.assert_array_equal(confusion(labels, predictions, 2), trial.confusions[fold])
            assert scores[predictions == 0].max() <= scores[predictions == 1].min()
            of_fold = table.rows.where(f"fold = {fold}").select("spectrum_id").toPandas()
            assert sorted(scored["spectrum_id"].to_pylist()) == sorted(of_fold["spectrum_id"])


def test_more_rows_than_a_task_holds_are_fitted_by_spark_with_the_same_result(
    run, trials, monkeypatch
):
    monkeypatch.setattr(fits, "MOST_VALUES", 449)
    solved = []
    monkeypatch.setattr(module, "solve", lambda spark, rows, works: solved.extend(works) or [])
    of_logistic = [t for t in trials if t.classifier == "logistic_regression"]
    by_spark = run({"logistic_regression": GRIDS["logistic_regression"]})
    assert not solved
    for ours, theirs in zip(of_logistic, by_spark, strict=True):
        for fold in range(FOLDS):
            np.testing.assert_array_equal(ours.confusions[fold], theirs.confusions[fold])


def test_a_forest_is_grown_once_for_all_depths(run, monkeypatch):
    fitted = []
    grown = fits.timed_fit
    monkeypatch.setattr(fits, "timed_fit", lambda *args: fitted.append(args) or grown(*args))
    tried = run({"random_forest": {**GRIDS["random_forest"], "grid": {"maxDepth": [1, 2, 4]}}})
    assert len(tried) == 3
    assert len(fitted) == FOLDS


def test_limits(run, monkeypatch):
    tried = run(LINEAR, max_fits=7)  # three points, the costlier side first
    assert [trial.classifier for trial in tried] == [
        "linear_svc",
        "logistic_regression",
        "logistic_regression",
    ]
    assert len(run(LINEAR, max_fits=1)) == 2  # each classifier's first, whatever the limit
    now = module.time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: now() * 1e9)  # time flies
    tried = run(LINEAR, max_minutes=0.01)
    assert len(tried) == 2
    assert all(len(trial.confusions) == FOLDS for trial in tried)


def test_random_points_follow_the_grid_and_the_seed():
    random = {"regParam": {"log_uniform": [1e-4, 1.0]}, "n_features": {"integer": [1, 3]}}
    grids = {"logistic_regression": {**GRIDS["logistic_regression"], "random": random}}

    def drawn(seed: int) -> list[tuple[float, int]]:
        train = {"classifiers": grids, "search": {"random_points": 20}, "seed": seed}
        points = build_classifiers(config(train), KIND)[0].points
        assert [point.origin for point in points] == ["grid"] * 4 + ["random"] * 20
        return [(next(iter(p.params.values())), p.n_features) for p in points[4:]]

    assert drawn(1) == drawn(1) != drawn(2)
    strengths, counts = zip(*drawn(1), strict=True)
    assert min(strengths) > 1e-4
    assert max(strengths) < 1
    assert set(counts) == {1, 2, 3}


def test_points_that_fewer_components_make_equal_are_one():
    logistic = build_classifiers(config(), KIND)[0]
    assert [point.n_features for point in logistic.limited(1).points] == [1, 1]
    assert [point.n_features for point in logistic.limited(2).points] == [1, 2, 1, 2]


def test_everything_tried_is_in_the_table(tried, trials):
    table = search_table(tried[1], "pca", "all 3").to_pandas()
    assert len(table) == len(trials) * FOLDS
    assert (table[["tn", "fp", "fn", "tp"]].sum(axis=1) == 75).all()
    means = table.groupby("point")["f1"].mean()
    np.testing.assert_allclose(means, [trial.score for trial in trials])
    assert json.loads(table["hyperparameters"][0])["numTrees"] == 5
    assert table["seconds"].gt(0).all()


def test_a_failing_fit_stops_the_search(table, tmp_path):
    broken = replace(table, rows=table.rows.drop("all_features_1"))
    with pytest.raises(AnalysisException):
        compared(broken, tmp_path, {"classifiers": {"random_forest": GRIDS["random_forest"]}})
