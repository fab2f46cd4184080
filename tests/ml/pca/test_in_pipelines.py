"""Our estimators among Spark's own: in its Pipeline and its CrossValidator, saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.ml import Pipeline, PipelineModel, tuning
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import PCAModel
from pyspark.ml.functions import array_to_vector
from pyspark.ml.tuning import CrossValidatorModel, ParamGridBuilder
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.ml import PCA, CrossValidator
from galspec_spark.ml.pca.array_model import ArrayPCAModel


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """The label is the second component, so that one component is not enough."""
    random = np.random.default_rng(4)
    values = random.normal(size=(60, 5)) * [9, 3, 0.1, 0.1, 0.1]
    labels = (values[:, 1] > 0).astype(float)
    columns = (values.tolist(), labels.tolist(), [0, 1] * 30)
    content = list(zip(*columns, strict=True))
    frame = spark.createDataFrame(content, "flux array<float>, label double, fold int")
    frame = frame.selectExpr("*", "cast(flux as array<double>) doubles")
    return frame.withColumn("vector", array_to_vector("flux")).coalesce(1).cache()


def test_the_number_of_components_is_searched_by_sparks_cross_validator(
    rows: DataFrame, tmp_path: Path
) -> None:
    pca = PCA(inputCol="flux", outputCol="features")
    pipeline = Pipeline(stages=[pca, LogisticRegression(maxIter=5)])
    validator = tuning.CrossValidator(
        estimator=pipeline,
        estimatorParamMaps=ParamGridBuilder().addGrid(pca.k, [1, 2]).build(),
        evaluator=BinaryClassificationEvaluator(),
        numFolds=2,
        foldCol="fold",
    )
    validator.save(str(tmp_path / "validator"))
    loaded = tuning.CrossValidator.load(str(tmp_path / "validator"))
    model = loaded.fit(rows)
    assert model.avgMetrics[1] > 0.95 > model.avgMetrics[0]
    assert model.bestModel.stages[0].getK() == 2
    model.save(str(tmp_path / "model"))
    again = CrossValidatorModel.load(str(tmp_path / "model"))
    assert isinstance(again.bestModel, PipelineModel)
    expected = [row.prediction for row in model.transform(rows).collect()]
    assert [row.prediction for row in again.transform(rows).collect()] == expected


def test_arrays_and_vectors_are_projected_alike(rows: DataFrame) -> None:
    pca = PCA().setK(2).setOutputCol("features")
    assert (pca.getK(), pca.getOutputCol()) == (2, "features")
    model = pca.setInputCol("flux").fit(rows)
    found = [
        [row.features.toArray() for row in model.setInputCol(name).transform(rows).collect()]
        for name in ("flux", "doubles", "vector")
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-12)


def test_it_is_saved_and_loaded_before_and_after_the_fit(rows: DataFrame, tmp_path: Path) -> None:
    pca = PCA(k=2, inputCol="flux", outputCol="features")
    pca.save(str(tmp_path / "estimator"))
    loaded = PCA.load(str(tmp_path / "estimator"))
    assert (loaded.uid, loaded.getK(), loaded.getInputCol()) == (pca.uid, 2, "flux")
    model = loaded.fit(rows)
    model.save(str(tmp_path / "model"))
    again = ArrayPCAModel.load(str(tmp_path / "model"))
    assert (again.uid, again.getInputCol(), again.getK()) == (model.uid, "flux", 2)
    assert again.transform(rows).first().features == model.transform(rows).first().features
    native = PCAModel.load(str(tmp_path / "model/native"))
    assert native.explainedVariance == again.explainedVariance


def test_our_cross_validator_has_setters_and_getters() -> None:
    values = {
        "FoldFeatures": ["a", "b"], "Selection": [[0], [1]], "IdCol": "id", "MaxFits": 3,
        "MaxMinutes": 0.5, "ScratchDir": "shared",
    }  # fmt: skip
    validator = CrossValidator()
    for name, value in values.items():
        assert getattr(validator, f"set{name}")(value) is validator
        assert getattr(validator.copy(), f"get{name}")() == value
