from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml.classification import LinearSVC, LogisticRegression, RandomForestClassifier
from pyspark.ml.linalg import Vectors

from galspec_spark.ml.evaluation.permutation import permutation_importance
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.pca import Coefficients
from galspec_spark.ml.pca.estimator import PCA, components_of
from galspec_spark.ml.pca.udfs import project
from galspec_spark.ml.search import importance as module
from galspec_spark.ml.search.importance import (
    feature_weights,
    line_peaks,
    most_important,
    predictor,
    some_rows,
)
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.spectrum.lines import LINES
from tests.ml import synthetic

COMPONENTS = np.linalg.qr(np.random.default_rng(6).normal(size=(50, 4)))[0].T


def test_the_most_important_are_ordered_with_ties_by_index():
    assert most_important(np.array([0.2, 0.5, 0.1, 0.2]), 3) == [1, 0, 3]


VARIANCES = np.array([5.0, 2.0, 1.0, 0.5])

FEATURES = Coefficients(Components(np.zeros(50), COMPONENTS, VARIANCES), is_masked=False)


def test_linear_importance_is_what_a_pixel_changes_when_it_varies():
    weights = np.array([1.0, -2.0, 0.5, 0.0])
    importance = FEATURES.explain(weights, is_linear=True)
    random = np.random.default_rng(7)
    spectra = (random.normal(size=(200_000, 4)) * np.sqrt(VARIANCES)) @ COMPONENTS
    steps = np.diag(spectra.std(axis=0))
    margin = (COMPONENTS @ spectra[0]) @ weights
    change = [abs((COMPONENTS @ (spectra[0] + step)) @ weights - margin) for step in steps]
    np.testing.assert_allclose(importance, change / np.sum(change), rtol=0.02)


def test_forest_importance_is_spread_by_squared_components():
    importance = FEATURES.explain(np.array([0.0, 0.0, 1.0, 0.0]), is_linear=False)
    np.testing.assert_allclose(importance, COMPONENTS[2] ** 2)


def test_a_model_without_weights_prefers_no_wavelength():
    importance = FEATURES.explain(np.zeros(4), is_linear=True)
    np.testing.assert_allclose(importance, 1 / 50)


def test_weights_come_from_the_models_in_the_features_own_units(spark):
    random = np.random.default_rng(8)
    values = random.normal(size=(200, 2)) * [1.0, 100.0]
    labels = (values[:, 0] + values[:, 1] / 100 > 0).astype(int)
    rows = [(Vectors.dense(v), int(label)) for v, label in zip(values, labels, strict=True)]
    df = spark.createDataFrame(rows, ["features", "label"]).coalesce(1).cache()

    model = LogisticRegression(regParam=0.01).fit(df)
    linear = feature_weights("logistic_regression", model, [1, 3], 4)
    assert linear[0] == linear[2] == 0
    assert 50 < linear[1] / linear[3] < 200  # both matter alike, the second in units of 100

    forest_model = RandomForestClassifier(numTrees=5, seed=1, impurity="entropy").fit(df)
    forest = feature_weights("random_forest", forest_model, [1, 3], 4)
    np.testing.assert_allclose([forest.sum(), forest[0]], [1, 0], atol=1e-12)


@pytest.fixture(scope="module")
def rows(spark):
    """Rows whose labels come from the second of three components."""
    random = np.random.default_rng(1)
    values = random.normal(size=(600, 3)) * [1.0, 10.0, 0.1]
    labels = (values[:, 1] / 5 + random.normal(0, 0.3, 600) > 0.5).astype(int)
    content = [
        (f"spectrum-{i}", int(label), Vectors.dense(v))
        for i, (v, label) in enumerate(zip(values, labels, strict=True))
    ]
    names = ["spectrum_id", "label", "all_features"]
    return spark.createDataFrame(content, names).repartition(3).cache()


@pytest.mark.parametrize("kind", ["logistic_regression", "linear_svc", "random_forest"])
def test_sparks_models_are_permuted(spark, rows, kind):
    estimators = {
        "logistic_regression": LogisticRegression(regParam=0.01),
        "linear_svc": LinearSVC(regParam=0.01, maxIter=20),
        "random_forest": RandomForestClassifier(numTrees=10, maxDepth=3, seed=1),
    }
    model = estimators[kind].fit(rows.withColumnRenamed("all_features", "features"))
    features, labels = some_rows(rows)
    predict = predictor(spark, kind, model)
    predicted, scores = predict(features)
    by_one = [model.predict(Vectors.dense(each)) for each in features[:20]]
    assert predicted[:20].tolist() == by_one
    assert scores[predicted == 0].max() <= scores[predicted == 1].min()
    found = permutation_importance(predict, features, labels, [7, 0, 3], repeats=2)
    assert [each["feature"] for each in found] == [7, 0, 3]
    for key in ("f1_drop", "pr_auc_drop"):
        first, used, last = (each[key] for each in found)
        assert used > 0.3
        assert max(abs(first), abs(last)) < 0.02


def test_rows_are_bounded_and_do_not_depend_on_partitions(rows, monkeypatch):
    every, _ = some_rows(rows)
    assert len(every) == 600
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    features, labels = some_rows(rows)
    assert features.shape == (100, 3)
    again, same = some_rows(rows.repartition(5))
    np.testing.assert_array_equal(again, features)
    np.testing.assert_array_equal(same, labels)


def bumps(*heights_at: tuple[float, float]) -> np.ndarray:
    """Return Gaussian bumps of 4 Angstrom on a flat, slightly noisy importance."""
    angstrom = wavelength()
    noise = np.random.default_rng(3).uniform(0, 0.05, angstrom.size)
    return noise + sum(h * np.exp(-0.5 * ((angstrom - x) / 4) ** 2) for h, x in heights_at)


def test_peaks_are_named_strongest_first():
    importance = bumps((1.0, 5010.0), (3.0, 6560.0), (0.9, 6584.0), (0.5, 4600.0), (2.0, 3729.0))
    found = line_peaks(wavelength(), importance, count=4)
    names = [peak["line"] for peak in found]
    assert names == ["Hα + [N II]", "[O II]", "[O III]5007", "Hα + [N II]"]
    np.testing.assert_allclose([peak["distance"] for peak in found], [4.6, 0.9, 1.8, 1.3], atol=1.5)
    strengths = [peak["importance"] for peak in found]
    assert strengths == sorted(strengths, reverse=True)


def test_peaks_are_apart():
    found = line_peaks(wavelength(), bumps((1.0, 5000.0), (0.7, 5014.0), (0.8, 5030.0)))
    np.testing.assert_allclose([peak["wavelength"] for peak in found[:2]], [5000, 5030], atol=1.5)
    assert len(line_peaks(wavelength(), bumps((1.0, 5000.0), (0.7, 5014.0)), count=1)) == 1


def test_equal_importance_has_no_peak():
    assert line_peaks(wavelength(), np.full(wavelength().size, 1.0)) == []


def test_importance_peaks_at_the_lines_that_make_the_label(spark):
    rows = spark.createDataFrame(synthetic.restframe(400).select(["flux", "label", "split"]))
    rows = rows.where("split = 'train'")
    pca = PCA(k=10, inputCol="flux", outputCol="components").fit(rows)
    components = components_of(pca)
    features = rows.select("label", project(components, "flux").alias("features"))
    model = LogisticRegression(regParam=0.01).fit(features)
    weights = feature_weights("logistic_regression", model, range(10), 10)
    variance = pca.explainedVariance.toArray()
    coefficients = Coefficients(Components(np.zeros(2642), components, variance), is_masked=False)
    importance = coefficients.explain(weights, is_linear=True)
    peaks = line_peaks(wavelength(), importance, count=3)
    of_label = [
        line.wavelength
        for line in LINES
        if line.name in ("h_beta", "oiii_5007", "nii_6548", "h_alpha", "nii_6583")
    ]
    for peak in peaks:
        assert min(abs(peak["wavelength"] - centre) for centre in of_label) <= 15
    assert {"[O III]5007", "Hα + [N II]"} <= {peak["line"] for peak in peaks}
