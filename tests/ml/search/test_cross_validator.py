"""Our CrossValidator on somebody's DataFrame, beside Spark's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.errors import PySparkException
from pyspark.ml import Pipeline, tuning
from pyspark.ml.classification import (
    LinearSVC,
    LogisticRegression,
    NaiveBayes,
    RandomForestClassifier,
)
from pyspark.ml.evaluation import BinaryClassificationEvaluator, MulticlassClassificationEvaluator
from pyspark.ml.linalg import Vectors
from pyspark.ml.tuning import CrossValidatorModel, ParamGridBuilder
from pyspark.sql import functions as F

from galspec_spark.ml import CrossValidator

FOLDS = 3


@pytest.fixture(scope="module")
def rows(spark):
    random = np.random.default_rng(9)
    values = random.normal(size=(150, 3))
    labels = (values[:, 1] + random.normal(0, 0.5, 150) > 0.5).astype(float)
    content = [
        (i, Vectors.dense(v), float(label), i % FOLDS)
        for i, (v, label) in enumerate(zip(values, labels, strict=True))
    ]
    return spark.createDataFrame(content, ["number", "x", "y", "part"]).coalesce(1).cache()


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
    assert type(loaded) is CrossValidator
    assert loaded.getSeed() == 5
    assert loaded.getEstimator().uid == validator.getEstimator().uid
    assert len(loaded.getEstimatorParamMaps()) == 2


def no_way() -> dict:
    """Return an estimator that numpy does not fit."""
    return settings(NaiveBayes(featuresCol="x", labelCol="y", modelType="gaussian"), [{}])


def metric_of_scores() -> dict:
    return settings() | {"evaluator": BinaryClassificationEvaluator(labelCol="y")}


def models_of_all_folds() -> dict:
    return settings(collectSubModels=True)


@pytest.mark.parametrize("case", [no_way, metric_of_scores, models_of_all_folds])
def test_all_else_is_sparks(rows, by_spark, case) -> None:
    found = CrossValidator(**case(), foldCol="part").fit(rows)
    assert len(by_spark) == 1
    assert found.avgMetrics[0] > 0


def three_classes(rows):
    return rows.withColumn("y", F.when(F.col("number") % 5 == 0, 2.0).otherwise(F.col("y")))


def test_averages_of_more_classes_are_sparks(rows, by_spark) -> None:
    oracle = tuning.CrossValidator(**settings(foldCol="part")).fit(three_classes(rows))
    by_spark.clear()
    found = CrossValidator(**settings(foldCol="part")).fit(three_classes(rows))
    assert not by_spark
    np.testing.assert_allclose(found.avgMetrics, oracle.avgMetrics, atol=1e-9)
    ours, theirs = (m.bestModel.coefficientMatrix.toArray() for m in (found, oracle))
    assert ours.shape == (3, 3)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_classifier_of_two_classes_fails_with_more_as_sparks(rows, by_spark) -> None:
    machine = LinearSVC(featuresCol="x", labelCol="y")
    with pytest.raises(PySparkException, match=r"but got 2\.0"):
        CrossValidator(**settings(machine, [{}]), foldCol="part").fit(three_classes(rows))
    assert len(by_spark) == 1


def test_what_spark_cannot_do_is_refused(rows) -> None:
    with pytest.raises(ValueError, match="maxFits is not possible: an estimator, a metric"):
        CrossValidator(**no_way(), foldCol="part", maxFits=3).fit(rows)


@pytest.mark.parametrize(
    ("fold", "message"), [("part + 1", "Fold number must be in range"), ("1", "at fold 0 is empty")]
)
def test_wrong_folds_are_refused_as_by_spark(rows, fold, message) -> None:
    with pytest.raises(ValueError, match=message):
        CrossValidator(**settings(foldCol="part")).fit(rows.withColumn("part", F.expr(fold)))


def test_classifiers_share_a_pool(rows, by_spark) -> None:
    """The best of all is found, as by Spark, and the best of each."""
    pipeline = Pipeline(stages=[])
    logistic = LogisticRegression(featuresCol="x", labelCol="y", regParam=10.0)
    forest = RandomForestClassifier(featuresCol="x", labelCol="y", numTrees=3, seed=1)
    grid = [{pipeline.stages: [logistic]}] + [
        {pipeline.stages: [forest], forest.maxDepth: depth} for depth in (1, 3)
    ]
    pool = settings(pipeline, grid, foldCol="part")
    oracle = tuning.CrossValidator(**pool).fit(rows)
    by_spark.clear()
    found = CrossValidator(**pool, idCol="number").fit(rows)
    assert not by_spark
    np.testing.assert_allclose(found.avgMetrics, oracle.avgMetrics, atol=1e-9)
    assert found.bestModel.stages[0].toDebugString == oracle.bestModel.stages[0].toDebugString
    assert {name: len(r.scorer.weights) for name, r in found.refits.items()} == {
        "logistic_regression": 3,
        "random_forest": 3,
    }
    predicted = found.outOfFold.to_pandas()
    assert len(predicted) == 2 * 150
    assert set(predicted["point"]) == {0, 1 + int(np.argmax(oracle.avgMetrics[1:]))}
    for _, own in predicted.groupby("classifier"):
        assert sorted(own["number"]) == list(range(150))
        assert (own["number"] % FOLDS == own["fold"]).all()


def test_a_budget_leaves_points_out(rows, tmp_path) -> None:
    validator = CrossValidator(**settings(foldCol="part"), maxFits=3)
    found = validator.fit(rows)
    assert found.avgMetrics[0] > 0
    assert np.isnan(found.avgMetrics[1])
    assert found.bestModel.getRegParam() == 10.0
    validator.save(str(tmp_path / "validator"))
    loaded = CrossValidator.load(str(tmp_path / "validator"))
    assert loaded.getOrDefault("maxFits") == 3
    assert len(loaded.getEstimatorParamMaps()) == 2


def test_the_examples_of_the_documentation(rows, by_spark) -> None:
    text = (Path(__file__).parents[3] / "docs" / "cross_validation.md").read_text()
    frame = rows.selectExpr("number AS id", "y AS label", "x AS features")
    names: dict[str, Any] = {"frame": frame}
    fast, stock = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(fast, names)
    assert not by_spark
    model = names["model"]
    assert len(model.avgMetrics) == 8
    assert min(model.avgMetrics) > 0.6
    assert set(model.refits) == {"logistic_regression", "linear_svc", "random_forest"}
    assert len(model.outOfFold) == 3 * 150
    exec(stock, names)
    assert len(by_spark) == 1
    assert names["by_spark"].avgMetrics[0] > 0.6


def test_no_rows_are_refused(rows) -> None:
    with pytest.raises(ValueError, match="at fold 0 is empty"):
        CrossValidator(**settings(foldCol="part")).fit(rows.where("false"))
