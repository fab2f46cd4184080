"""The components three ways on the same data: kernel alone, through Spark, against oracles."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml import feature
from pyspark.ml.functions import array_to_vector
from sklearn import decomposition

from galspec_spark.errors import UserError
from galspec_spark.ml.pca import column_moments
from galspec_spark.ml.pca.estimator import PCA, components_of, principal_components
from galspec_spark.ml.pca.moments import Moments, assemble
from galspec_spark.ml.pca.udfs import project

K, ROWS, PIXELS = 8, 240, 300


def well_conditioned() -> np.ndarray:
    random = np.random.default_rng(2)
    factors = np.linalg.qr(random.normal(size=(PIXELS, K + 4)))[0]
    strengths = 3.0 * 0.7 ** np.arange(K + 4)
    values = random.normal(size=(ROWS, K + 4)) * strengths @ factors.T
    return (5 + values + random.normal(0, 0.01, values.shape)).astype(np.float32)


def ill_conditioned() -> np.ndarray:
    """Variances over ten decades, a mean a thousand times the signal, constant and equal pixels."""
    random = np.random.default_rng(3)
    factors = np.linalg.qr(random.normal(size=(PIXELS, K)))[0]
    values = random.normal(size=(ROWS, K)) * 10.0 ** -np.arange(0, 5, 5 / K) @ factors.T
    values[:, 10] = 0
    values[:, 20] = values[:, 21]
    return 1000 + values


DATA = {"well": well_conditioned(), "ill": ill_conditioned()}


def dataframe(spark, values: np.ndarray, partitions: int = 2):
    kind = "float" if values.dtype == np.float32 else "double"
    rows = [(i, row) for i, row in enumerate(values.tolist())]
    df = spark.createDataFrame(rows, f"id int, flux array<{kind}>")
    return df.repartition(partitions).withColumn("spectrum", array_to_vector("flux"))


def assert_same_components(ours: np.ndarray, other: np.ndarray) -> None:
    cosines = np.abs((ours * other).sum(axis=1))
    assert cosines.min() > 0.9999
    # The sine of the largest angle between the two subspaces.
    assert np.linalg.norm(ours - ours @ other.T @ other, 2) < 1e-6


@pytest.fixture(scope="module", params=DATA)
def case(spark, request):
    values = DATA[request.param]
    df = dataframe(spark, values).cache()
    yield values, df, PCA(k=K, inputCol="flux", outputCol="features").fit(df)
    df.unpersist()


def test_kernel_and_spark_agree(case):
    values, _, model = case
    moments = Moments.empty(PIXELS)
    moments.add(values)
    kernel = principal_components(assemble(moments.blocks())[0], K)
    assert_same_components(components_of(model), kernel.vectors)
    np.testing.assert_allclose(
        model.explainedVariance.toArray(), kernel.explained_variance, atol=1e-9
    )


def test_agrees_with_scikit_learn(case):
    values, _, model = case
    oracle = decomposition.PCA(K, svd_solver="full").fit(values.astype(np.float64))
    assert_same_components(components_of(model), oracle.components_)
    explained = model.explainedVariance.toArray()
    np.testing.assert_allclose(explained, oracle.explained_variance_ratio_, atol=1e-6)


def test_agrees_with_mllib(case):
    _, df, model = case
    oracle = feature.PCA(k=K, inputCol="spectrum", outputCol="theirs").fit(df)
    assert_same_components(components_of(model), components_of(oracle))
    np.testing.assert_allclose(
        model.explainedVariance.toArray(), oracle.explainedVariance.toArray(), atol=1e-6
    )


def test_projection_is_what_the_native_model_computes(case):
    values, df, model = case
    columns = df.withColumn("ours", project(components_of(model), "flux"))
    rows = model.copy().setInputCol("spectrum").transform(columns).orderBy("id").collect()
    ours, native = (
        np.array([row[name].toArray() for row in rows]) for name in ("ours", "features")
    )
    np.testing.assert_allclose(ours, native, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(ours, values @ components_of(model).T, rtol=1e-5, atol=1e-5)


def test_largest_entry_of_each_component_is_positive(case):
    components = components_of(case[2])
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(K), largest] > 0).all()


def test_partitions_do_not_matter(spark):
    values = DATA["well"]
    one, *others = (
        PCA(k=K, inputCol="flux", outputCol="features").fit(dataframe(spark, values, partitions))
        for partitions in (1, 2, 8)
    )
    for model in others:
        np.testing.assert_allclose(components_of(model), components_of(one), atol=1e-9)
        np.testing.assert_allclose(
            model.explainedVariance.toArray(), one.explainedVariance.toArray(), atol=1e-9
        )


def test_a_shuffle_adds_up_what_the_driver_does(spark, monkeypatch):
    rows = dataframe(spark, DATA["well"], 2)
    by_driver = column_moments.column_moments(rows, "flux")
    monkeypatch.setattr(column_moments, "FEW_TASKS", 0)
    by_shuffle = column_moments.column_moments(rows, "flux")
    np.testing.assert_array_equal(by_driver.scatter, by_shuffle.scatter)
    np.testing.assert_array_equal(by_driver.mean, by_shuffle.mean)


def test_vectors_are_taken_as_well_as_arrays(spark):
    df = dataframe(spark, DATA["well"])
    of_arrays = PCA(k=2, inputCol="flux").fit(df)
    of_vectors = PCA(k=2, inputCol="spectrum").fit(df)
    np.testing.assert_allclose(components_of(of_vectors), components_of(of_arrays), atol=1e-12)


def test_saved_model_is_mllibs_own(spark, tmp_path):
    df = dataframe(spark, DATA["well"])
    model = PCA(k=3, inputCol="spectrum", outputCol="features").fit(df)
    model.save(str(tmp_path / "model"))
    loaded = feature.PCAModel.load(str(tmp_path / "model"))
    assert (loaded.getInputCol(), loaded.getOutputCol()) == ("spectrum", "features")
    np.testing.assert_array_equal(loaded.pc.toArray(), model.pc.toArray())


@pytest.mark.parametrize(
    ("values", "k", "message"),
    [
        (np.ones((4, 5)), 6, "6 components of 5 pixels"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), 1, "NaN or infinite values in column flux"),
        (np.array([[1.0, np.inf], [1.0, 2.0]]), 1, "NaN or infinite values in column flux"),
    ],
)
def test_bad_input_is_named(spark, values, k, message):
    with pytest.raises(UserError, match=message):
        PCA(k=k, inputCol="flux").fit(dataframe(spark, values))


def test_no_rows(spark):
    with pytest.raises(UserError, match="no rows in column flux"):
        PCA(k=1, inputCol="flux").fit(spark.createDataFrame([], "flux array<float>"))
