from __future__ import annotations

import numpy as np
from pyspark.ml.classification import LogisticRegression, RandomForestClassifier
from pyspark.ml.linalg import Vectors

from galspec_spark.ml.importance import best_components, component_weights, wavelength_importance

COMPONENTS = np.linalg.qr(np.random.default_rng(6).normal(size=(50, 4)))[0].T


def test_best_components_are_ordered_with_ties_by_index():
    assert best_components(np.array([0.2, 0.5, 0.1, 0.2]), 3) == [1, 0, 3]


VARIANCES = np.array([5.0, 2.0, 1.0, 0.5])


def test_linear_importance_is_what_a_pixel_changes_when_it_varies():
    weights = np.array([1.0, -2.0, 0.5, 0.0])
    importance = wavelength_importance(COMPONENTS, VARIANCES, weights, linear=True)
    random = np.random.default_rng(7)
    spectra = (random.normal(size=(200_000, 4)) * np.sqrt(VARIANCES)) @ COMPONENTS
    steps = np.diag(spectra.std(axis=0))
    margin = (COMPONENTS @ spectra[0]) @ weights
    change = [abs((COMPONENTS @ (spectra[0] + step)) @ weights - margin) for step in steps]
    np.testing.assert_allclose(importance, change / np.sum(change), rtol=0.02)


def test_forest_importance_is_spread_by_squared_components():
    importance = wavelength_importance(
        COMPONENTS, VARIANCES, np.array([0.0, 0.0, 1.0, 0.0]), linear=False
    )
    np.testing.assert_allclose(importance, COMPONENTS[2] ** 2)


def test_a_model_without_weights_prefers_no_wavelength():
    importance = wavelength_importance(COMPONENTS, VARIANCES, np.zeros(4), linear=True)
    np.testing.assert_allclose(importance, 1 / 50)


def test_weights_come_from_the_models_in_the_features_own_units(spark):
    random = np.random.default_rng(8)
    values = random.normal(size=(200, 2)) * [1.0, 100.0]
    labels = (values[:, 0] + values[:, 1] / 100 > 0).astype(int)
    rows = [(Vectors.dense(v), int(label)) for v, label in zip(values, labels, strict=True)]
    df = spark.createDataFrame(rows, ["features", "label"]).coalesce(1).cache()

    linear, is_linear = component_weights(LogisticRegression(regParam=0.01).fit(df), [1, 3], 4)
    assert is_linear
    assert linear[0] == linear[2] == 0
    assert 50 < linear[1] / linear[3] < 200  # both matter alike, the second in units of 100

    forest_model = RandomForestClassifier(numTrees=5, seed=1, impurity="entropy").fit(df)
    forest, is_linear = component_weights(forest_model, [1, 3], 4)
    assert not is_linear
    np.testing.assert_allclose([forest.sum(), forest[0]], [1, 0], atol=1e-12)
