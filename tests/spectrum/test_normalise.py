"""Normalisation against numpy, spectrum by spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.spectrum.normalise import normalise


@pytest.fixture(scope="module")
def batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    flux = random.uniform(1, 5, (6, 2642)).astype("f4")
    good = random.random(flux.shape) > 0.1
    good[0], good[1, 1:] = True, False  # no gap; all gap but one pixel
    return np.where(good, flux, 0).astype("f4"), good.astype("f4"), good


def test_median_is_numpys(batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    flux, ivar, good = batch
    scaled, scaled_ivar, possible = normalise("median", flux, ivar, good)
    assert possible.all()
    for i in range(len(flux)):
        median = np.median(flux[i][good[i]])
        np.testing.assert_allclose(scaled[i], flux[i] / median, rtol=1e-6)
        np.testing.assert_allclose(scaled_ivar[i], ivar[i] * median**2, rtol=1e-6)


def test_unit_norm_does_not_depend_on_gaps(
    batch: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    flux, ivar, good = batch
    scaled, _, _ = normalise("unit_norm", flux, ivar, good)
    assert np.linalg.norm(scaled[0]) == pytest.approx(1, rel=1e-5)
    for i in (2, 3):
        mean_square = np.mean(scaled[i][good[i]] ** 2)
        assert mean_square * 2642 == pytest.approx(1, rel=1e-5)


def test_continuum_leaves_lines_and_takes_slopes() -> None:
    x = np.arange(2642)
    slope = 1 + x / 2642
    line = 1 + 0.5 * np.exp(-(((x - 1300) / 4) ** 2))
    flux = np.stack([slope * line, 100 * slope[::-1] * line]).astype("f4")
    scaled, _, possible = normalise("continuum", flux, np.ones_like(flux), np.ones_like(flux, bool))
    assert possible.all()
    away = np.abs(x - 1300) > 60
    np.testing.assert_allclose(scaled[:, away], 1, atol=0.03)
    np.testing.assert_allclose(scaled[:, 1300], 1.5, atol=0.03)


def test_none_changes_nothing(batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    flux, ivar, good = batch
    scaled, scaled_ivar, possible = normalise("none", flux, ivar, good)
    assert scaled is flux
    assert scaled_ivar is ivar
    assert possible.all()


@pytest.mark.parametrize("method", ["median", "unit_norm", "continuum"])
def test_no_positive_scale_is_told(method: str) -> None:
    flux = np.zeros((2, 2642), "f4")
    flux[1] = 3
    scaled, _, possible = normalise(method, flux, np.ones_like(flux), np.ones_like(flux, bool))
    assert possible.tolist() == [False, True]
    assert np.isfinite(scaled).all()
