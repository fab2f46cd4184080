from __future__ import annotations

import pytest

from galspec_spark.config import Config
from galspec_spark.errors import ConfigError
from galspec_spark.ml.features.pca import KIND
from galspec_spark.ml.search.settings import Classifier, Point, build_classifiers
from galspec_spark.ml.search.trial import Trial


def train_config(**classifiers):
    return Config.model_validate({"train": {"classifiers": classifiers}}).train


def hyperparameters(classifier: Classifier, point: Point) -> dict[str, object]:
    estimator = classifier.estimator.copy(point.params)
    return Trial(0, classifier.name, estimator).hyperparameters


@pytest.mark.usefixtures("spark")
class TestBuild:
    def test_defaults_build_all_three_simplest_first(self):
        built = build_classifiers(Config().train, KIND)
        names = [classifier.name for classifier in built]
        assert names == ["logistic_regression", "linear_svc", "random_forest"]
        assert built[2].estimator.getImpurity() == "entropy"

    def test_fixed_values_are_set_and_grid_is_crossed(self):
        forest = {
            "fixed": {"numTrees": 7},
            "grid": {"maxDepth": [2, 3], "minInstancesPerNode": [1, 4]},
        }
        (built,) = build_classifiers(train_config(random_forest=forest), KIND)
        assert built.estimator.getNumTrees() == 7
        points = [hyperparameters(built, point) for point in built.points]
        assert [(p["maxDepth"], p["minInstancesPerNode"]) for p in points] == [
            (2, 1),
            (2, 4),
            (3, 1),
            (3, 4),
        ]
        assert all(p["numTrees"] == 7 and p["seed"] == 1 for p in points)
        assert not any(key.endswith("Col") for key in points[0])

    def test_an_empty_grid_is_one_point(self):
        (built,) = build_classifiers(train_config(linear_svc={"fixed": {"regParam": 1}}), KIND)
        (point,) = built.points
        assert (point.params, point.n_features) == ({}, 20)
        assert hyperparameters(built, point)["regParam"] == 1.0

    def test_the_number_of_features_is_a_setting_of_ours(self):
        (built,) = build_classifiers(
            train_config(linear_svc={"grid": {"n_features": [5, 20]}}), KIND
        )
        assert [point.n_features for point in built.points] == [5, 20]
        with pytest.raises(ConfigError, match=r"n_features cannot be 21: choose 1 to 20"):
            build_classifiers(train_config(linear_svc={"grid": {"n_features": [21]}}), KIND)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"fixed": {"depth": 3}}, "linear_svc: unknown parameter 'depth'; known: .*regParam"),
            ({"grid": {"C": [1.0]}}, "linear_svc: unknown parameter 'C'"),
            ({"fixed": {"featuresCol": "flux"}}, "unknown parameter 'featuresCol'"),
            ({"fixed": {"maxIter": "many"}}, "linear_svc: maxIter cannot be 'many'"),
            ({"grid": {"regParam": [0.1, -1.0]}}, r"linear_svc: regParam cannot be -1\.0"),
        ],
    )
    def test_what_spark_does_not_take_is_named(self, settings, message):
        with pytest.raises(ConfigError, match=message):
            build_classifiers(train_config(linear_svc=settings), KIND)
