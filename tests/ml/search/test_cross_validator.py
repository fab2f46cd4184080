"""Our CrossValidator on somebody's DataFrame, beside Spark's."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml import tuning
from pyspark.ml.classification import LinearSVC, LogisticRegression, NaiveBayes
from pyspark.ml.evaluation import BinaryClassificationEvaluator, MulticlassClassificationEvaluator
from pyspark.ml.linalg import Vectors
from pyspark.ml.tuning import CrossValidatorModel, ParamGridBuilder

from galspec_spark.ml import CrossValidator
from galspec_spark.ml.search import cross_validator as module

FOLDS = 3


@pytest.fixture(scope="module")
def rows(spark):
    random = np.random.default_rng(9)
    values = random.normal(size=(150, 3))
    labels = (values[:, 1] + random.normal(0, 0.5, 150) > 0.5).astype(float)
    content = [
        (Vectors.dense(v), float(label), i % FOLDS)
        for i, (v, label) in enumerate(zip(values, labels, strict=True))
    ]
    return spark.createDataFrame(content, ["x", "y", "part"]).coalesce(1).cache()


def settings(estimator=None, grid=None, metric: str = "f1", **more) -> dict:
    if estimator is None:
        estimator = LogisticRegression(featuresCol="x", labelCol="y", tol=1e-10)
        grid = ParamGridBuilder().addGrid(estimator.regParam, [10.0, 0.01]).build()
    evaluator = MulticlassClassificationEvaluator(metricName=metric, labelCol="y")
    return {
        "estimator": estimator,
        "estimatorParamMaps": grid,
        "evaluator": evaluator,
        "numFolds": FOLDS,
        **more,
    }


@pytest.fixture
def by_spark(monkeypatch) -> list[object]:
    """What was left to Spark's own."""
    left = []
    stock = tuning.CrossValidator._fit

    def fit(self, dataset):
        left.append(self)
        return stock(self, dataset)

    monkeypatch.setattr(tuning.CrossValidator, "_fit", fit)
    return left


@pytest.mark.parametrize(
    "more", [{"foldCol": "part"}, {"seed": 7, "metric": "weightedPrecision"}], ids=str
)
def test_averages_and_choice_are_sparks(rows, by_spark, more, tmp_path) -> None:
    oracle = tuning.CrossValidator(**settings(**more)).fit(rows)
    by_spark.clear()
    found = CrossValidator(**settings(**more)).fit(rows)
    assert not by_spark
    assert isinstance(found, CrossValidatorModel)
    np.testing.assert_allclose(found.avgMetrics, oracle.avgMetrics, atol=1e-9)
    np.testing.assert_allclose(found.stdMetrics, oracle.stdMetrics, atol=1e-9)
    assert found.bestModel.getRegParam() == oracle.bestModel.getRegParam()
    ours, theirs = (m.bestModel.coefficients.toArray() for m in (found, oracle))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    found.write().overwrite().save(str(tmp_path / "model"))
    loaded = CrossValidatorModel.load(str(tmp_path / "model"))
    assert loaded.bestModel.coefficients == found.bestModel.coefficients
    assert loaded.transform(rows).where("prediction = 1").count() > 0


def test_it_is_saved_and_loaded_like_sparks(spark, tmp_path) -> None:
    validator = CrossValidator(**settings(seed=5))
    validator.save(str(tmp_path / "validator"))
    loaded = CrossValidator.load(str(tmp_path / "validator"))
    assert loaded.getSeed() == 5
    assert loaded.getEstimator().uid == validator.getEstimator().uid
    assert len(loaded.getEstimatorParamMaps()) == 2


def no_way() -> dict:
    """Return an estimator that numpy does not fit."""
    return settings(NaiveBayes(featuresCol="x", labelCol="y", modelType="gaussian"), [{}])


def no_minimum() -> dict:
    """Return a support vector machine without a penalty."""
    return settings(LinearSVC(featuresCol="x", labelCol="y", regParam=0.0, maxIter=2), [{}])


def metric_of_scores() -> dict:
    return settings() | {"evaluator": BinaryClassificationEvaluator(labelCol="y")}


def models_of_all_folds() -> dict:
    return settings(collectSubModels=True)


@pytest.mark.parametrize("case", [no_way, no_minimum, metric_of_scores, models_of_all_folds])
def test_all_else_is_sparks(rows, by_spark, case) -> None:
    found = CrossValidator(**case(), foldCol="part").fit(rows)
    assert len(by_spark) == 1
    assert found.avgMetrics[0] > 0


def test_many_rows_are_left_to_spark(rows, by_spark, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 449)
    CrossValidator(**settings(foldCol="part")).fit(rows)
    assert len(by_spark) == 1
