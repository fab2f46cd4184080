from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.linalg import Vectors

from galspec_spark.ml.classifiers import gradient_boosted_trees, random_forest
from galspec_spark.ml.classifiers.linear import Linear
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
from galspec_spark.spectrum.arrays import lists_of
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


@pytest.mark.parametrize("kind", [random_forest.KIND, gradient_boosted_trees.KIND])
def test_importances_of_trees_are_sparks(spark, tmp_path, kind):
    random = np.random.default_rng(8)
    values = random.normal(size=(300, 4)) * [1.0, 100.0, 1.0, 1.0]
    labels = (values[:, 0] + values[:, 1] / 100 > 0).astype(int)
    rows = [(Vectors.dense(v), int(label)) for v, label in zip(values, labels, strict=True)]
    df = spark.createDataFrame(rows, ["features", "label"]).coalesce(1)
    settings = {"numTrees": 5} if kind is random_forest.KIND else {"maxIter": 3}
    model = kind.new_estimator(seed=1, maxDepth=3, **settings).fit(df)
    model.save(str(tmp_path / "model"))
    found = kind.read(tmp_path / "model").weights
    np.testing.assert_allclose(found, model.featureImportances.toArray(), atol=1e-12)
    assert found[:2].sum() > 0.8


def test_weights_of_features_that_are_not_used_are_0():
    scorer = Linear(np.array([2.0, -1.0]), 0.0, is_logistic=True)
    assert feature_weights(scorer, [1, 3], 4).tolist() == [0, 2, 0, -1]


def test_shuffling_costs_what_a_model_rests_on():
    random = np.random.default_rng(1)
    values = random.normal(size=(600, 3)) * [1.0, 10.0, 0.1]
    labels = (values[:, 1] / 5 + random.normal(0, 0.3, 600) > 0.5).astype(int)
    scorer = Linear(np.array([0.0, 0.2, 0.0]), -0.5, is_logistic=False)
    trial = SimpleNamespace(params={"threshold": 0.0})
    predict = predictor(SimpleNamespace(trial=trial, scorer=scorer), 1)
    found = permutation_importance(predict, values, labels, [7, 0, 3], repeats=2)
    assert [each["feature"] for each in found] == [7, 0, 3]
    for key in ("f1_drop", "pr_auc_drop"):
        first, used, last = (each[key] for each in found)
        assert used > 0.3
        assert first == last == 0


def test_rows_are_bounded_and_do_not_depend_on_their_order(monkeypatch):
    values = np.arange(1800.0).reshape(600, 3)
    ids = pa.array([f"spectrum-{i}" for i in range(600)])
    table = pa.table(
        {"spectrum_id": ids, "label": np.arange(600) % 2, "all_features": lists_of(values)}
    )
    assert len(some_rows(table)[0]) == 600
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    features, labels = some_rows(table)
    assert features.shape == (100, 3)
    again, _ = some_rows(table.take(np.arange(600)[::-1]))
    assert sorted(map(tuple, again)) == sorted(map(tuple, features))
    assert set(labels) == {0, 1}


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
    scorer = Linear(model.coefficients.toArray(), model.intercept, is_logistic=True)
    weights = feature_weights(scorer, range(10), 10)
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
