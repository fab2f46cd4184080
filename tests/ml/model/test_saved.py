"""Saved pipelines read as numbers: they score as Spark does."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.feature import VectorSlicer
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.features import FEATURES
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.model.saved import read_pipeline
from galspec_spark.ml.pca.estimator import native_model

PIXELS, K, ROWS = 40, 8, 1500
CHOSEN = [6, 1, 2, 7]
#: By what is peculiar to it: a classifier's name and settings. Few iterations make a model too.
MODELS = {
    "logistic regression": ("logistic_regression", {"maxIter": 3, "regParam": 0.01}),
    "sparse": (
        "logistic_regression",
        {"maxIter": 6, "regParam": 0.03, "elasticNetParam": 1.0},
    ),
    "multinomial": ("logistic_regression", {"maxIter": 3, "family": "multinomial"}),
    "no intercept": ("logistic_regression", {"maxIter": 3, "fitIntercept": False}),
    "linear SVM": ("linear_svc", {"maxIter": 2, "regParam": 0.01}),
    "forest": ("random_forest", {"numTrees": 10, "maxDepth": 8, "seed": 1}),
    "roots only": ("random_forest", {"numTrees": 3, "maxDepth": 0, "seed": 1}),
    "boosted": ("gbt", {"maxIter": 3, "maxDepth": 4, "stepSize": 0.3, "seed": 1}),
    "boosted roots": ("gbt", {"maxIter": 2, "maxDepth": 0, "seed": 1}),
}
#: With a selection of features each, and two of different kinds with all.
CASES = [*((name, CHOSEN) for name in MODELS), ("linear SVM", None), ("forest", None)]


def test_every_classifier_is_tested():
    of_one_feature = {"sign_of_margin"}  # tests/ml/features/test_lines.py has it
    assert {name for name, _ in MODELS.values()} == set(CLASSIFIERS) - of_one_feature


@pytest.fixture(scope="module")
def components():
    random = np.random.default_rng(5)
    vectors = np.linalg.qr(random.normal(size=(PIXELS, K)))[0].T
    return Components(random.normal(size=PIXELS), vectors, np.full(K, 0.1))


@pytest.fixture(scope="module")
def spectra(spark):
    random = np.random.default_rng(6)
    flux = random.normal(size=(ROWS, PIXELS)) * np.linspace(3, 0.1, PIXELS)
    label = (flux[:, :3].sum(axis=1) + random.normal(size=ROWS) > 3).astype(int)
    content = [(i, flux[i].tolist(), int(label[i])) for i in range(ROWS)]
    frame = spark.createDataFrame(content, "id int, flux array<double>, label int")
    return flux, frame.withColumn("spectrum", array_to_vector(F.col("flux"))).persist()


@pytest.mark.parametrize(("model", "columns"), CASES)
def test_scores_are_those_of_spark(spectra, components, tmp_path, model, columns):
    flux, frame = spectra
    steps = [native_model(components).setInputCol("spectrum").setOutputCol("features")]
    if columns:
        steps[0].setOutputCol("components")
        steps += [VectorSlicer(inputCol="components", outputCol="features", indices=columns)]
    name, settings = MODELS[model]
    fitted = CLASSIFIERS[name].new_estimator(**settings).fit(PipelineModel(steps).transform(frame))
    pipeline = PipelineModel([*steps, fitted])
    pipeline.save(str(tmp_path / "pipeline"))
    column = "probability" if fitted.hasParam("probabilityCol") else "rawPrediction"
    rows = pipeline.transform(frame).orderBy("id").select(vector_to_array(column)).collect()
    expected = [row[0][1] for row in rows]

    saved = read_pipeline(tmp_path / "pipeline", FEATURES["pca"], K)
    found = saved.score(flux @ components.vectors.T)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert (np.ptp(found) == 0) == ("roots" in model)
    assert saved.score(np.empty((0, K))).shape == (0,)


def test_what_is_missing_is_named(spark, components, tmp_path):
    PipelineModel([native_model(components)]).save(str(tmp_path / "pipeline"))
    with pytest.raises(UserError, match=r"pipeline has no classifier: train again"):
        read_pipeline(tmp_path / "pipeline", FEATURES["pca"], K)
