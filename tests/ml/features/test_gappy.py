"""Masked least squares three ways: kernel alone, through Spark, against a solver row by row."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml import feature
from pyspark.ml.functions import array_to_vector
from scipy.linalg import lstsq

from galspec_spark.ml.features import gappy
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import coefficients, fill_gaps, prior_precision
from galspec_spark.ml.pca.estimator import native_model
from galspec_spark.ml.pca.udfs import filled, project
from tests.ml.low_rank import dataframe, ordinary, spectra, truth

K, ROWS, PIXELS = 6, 60, 200


def noisy(seed: int = 3) -> np.ndarray:
    flux = spectra(ROWS, *truth(PIXELS, K + 4))
    return flux + np.random.default_rng(seed).normal(0, 0.02, flux.shape)


def gaps(seed: int = 4) -> np.ndarray:
    """Return ivar: every third row complete, others without a blue end and scattered pixels."""
    random = np.random.default_rng(seed)
    ivar = random.uniform(1, 9, (ROWS, PIXELS))
    ivar[random.random(ivar.shape) < 0.1] = 0
    ivar[np.arange(PIXELS) < random.integers(5, 60, ROWS)[:, np.newaxis]] = 0
    ivar[::3] = 2
    return ivar


FLUX, IVAR = noisy(), gaps()
COMPONENTS = ordinary(FLUX, K)
CERTAIN = Components(COMPONENTS.mean, COMPONENTS.vectors, np.full(K, 1 / K))  # no noise: no prior


def by_row(flux: np.ndarray, ivar: np.ndarray, components: Components) -> np.ndarray:
    """Solve one spectrum after another: good pixels, and a pseudo-pixel for each prior."""
    solved = []
    prior = np.diag(np.sqrt(prior_precision(components)))
    for spectrum, weight in zip(flux, ivar, strict=True):
        good = weight > 0
        matrix = np.vstack([components.vectors[:, good].T, prior])
        right = np.concatenate([(spectrum - components.mean)[good], np.zeros(K)])
        solved.append(lstsq(matrix, right)[0])
    return np.array(solved)


@pytest.mark.parametrize("components", [COMPONENTS, CERTAIN], ids=["prior", "no prior"])
def test_coefficients_are_those_of_a_solver_row_by_row(components):
    good = IVAR > 0
    deviations = np.where(good, FLUX - components.mean, 0)
    ours = coefficients(deviations, good.astype(float), components)
    np.testing.assert_allclose(ours, by_row(FLUX, IVAR, components), rtol=1e-7, atol=1e-8)


def test_projecting_the_filled_spectrum_is_the_masked_projection():
    full = fill_gaps(FLUX, IVAR, CERTAIN)
    ours = (full - CERTAIN.mean) @ CERTAIN.vectors.T
    np.testing.assert_allclose(ours, by_row(FLUX, IVAR, CERTAIN), rtol=1e-7, atol=1e-8)


def test_the_prior_changes_the_identity_by_a_known_factor():
    full = fill_gaps(FLUX, IVAR, COMPONENTS)
    ours = (full - COMPONENTS.mean) @ COMPONENTS.vectors.T
    expected = (1 + prior_precision(COMPONENTS)) * by_row(FLUX, IVAR, COMPONENTS)
    assert prior_precision(COMPONENTS).min() > 1e-6  # there is a prior
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-10)


def test_a_closing_gap_leads_to_the_plain_projection():
    plain = FLUX @ COMPONENTS.vectors.T
    ivar = np.ones_like(FLUX)
    ivar[:, 50] = 0
    ours = fill_gaps(FLUX, ivar, COMPONENTS) @ COMPONENTS.vectors.T
    spread = plain.std(axis=0)
    assert (np.abs(ours - plain) / spread).max() < 0.2
    assert np.abs((ours - plain) / spread).mean() < 0.02


def test_good_pixels_and_complete_spectra_are_untouched():
    full = fill_gaps(FLUX, IVAR, COMPONENTS)
    np.testing.assert_array_equal(full[IVAR > 0], FLUX[IVAR > 0])
    complete = np.ones_like(FLUX)
    assert fill_gaps(FLUX, complete, COMPONENTS) is FLUX


def test_what_a_gap_held_does_not_matter():
    other = np.where(IVAR > 0, FLUX, np.nan)
    np.testing.assert_array_equal(
        fill_gaps(other, IVAR, COMPONENTS), fill_gaps(FLUX, IVAR, COMPONENTS)
    )


def test_gaps_are_filled_better_than_by_the_mean():
    gap = IVAR == 0
    ours = (fill_gaps(FLUX, IVAR, COMPONENTS) - FLUX)[gap]
    mean = (COMPONENTS.mean - FLUX)[gap]
    assert ours.std() < 0.3 * mean.std()


def test_batches_do_not_matter(monkeypatch):
    whole = fill_gaps(FLUX, IVAR, COMPONENTS)
    monkeypatch.setattr(gappy, "BATCH_ROWS", 7)
    np.testing.assert_allclose(fill_gaps(FLUX, IVAR, COMPONENTS), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pixels", [0, 1, 3, 8])
def test_few_good_pixels_do_not_make_absurd_spectra(pixels):
    """Fewer good pixels than coefficients, or hardly more, and one of them an outlier."""
    ivar = np.zeros_like(FLUX)
    ivar[:, 20 : 20 + pixels] = 1
    flux = FLUX.copy()
    flux[:, 20] += 0.5
    full = fill_gaps(flux, ivar, COMPONENTS)
    typical = (FLUX - COMPONENTS.mean).std()
    assert (full - COMPONENTS.mean).std() < 2 * typical
    if pixels == 0:
        np.testing.assert_array_equal(full, np.tile(COMPONENTS.mean, (ROWS, 1)))


def test_without_the_prior_they_would():
    ivar = np.zeros_like(FLUX)
    ivar[:, 20:28] = 1
    flux = FLUX.copy()
    flux[:, 20] += 0.5
    full = fill_gaps(flux, ivar, CERTAIN)
    assert (full - COMPONENTS.mean).std() > 20 * (FLUX - COMPONENTS.mean).std()


@pytest.mark.parametrize("partitions", [1, 3])
def test_spark_fills_as_the_kernel(spark, partitions):
    df = dataframe(spark, FLUX, IVAR, partitions)
    rows = df.withColumn("flux", filled(COMPONENTS)).orderBy("id").collect()
    ours = np.array([row.flux for row in rows])
    kernel = fill_gaps(FLUX.astype(np.float32), IVAR.astype(np.float32), COMPONENTS)
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(ours, kernel, rtol=0, atol=1e-6)


def test_stock_model_of_filled_spectra_is_the_masked_projection(spark):
    """Through Spark, MLlib's own model and `project`; spectra are float32."""
    df = dataframe(spark, FLUX, IVAR).withColumn("flux", filled(CERTAIN, "flux", "ivar"))
    df = df.withColumn("ours", project(CERTAIN.vectors, "flux"))
    model = native_model(CERTAIN).setInputCol("vector").setOutputCol("native")
    assert isinstance(model, feature.PCAModel)
    rows = model.transform(df.withColumn("vector", array_to_vector("flux"))).orderBy("id").collect()
    expected = by_row(FLUX, IVAR, CERTAIN) + CERTAIN.vectors @ CERTAIN.mean
    for column in ("ours", "native"):
        values = np.array([row[column].toArray() for row in rows])
        np.testing.assert_allclose(values, expected, rtol=0, atol=3e-6)
