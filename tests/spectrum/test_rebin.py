"""Rebinning against a dense matrix of overlaps and a step function integrated on a fine grid."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.spectrum.rebin import Overlap, overlap, rebin

FIRST, STEP, PIXELS = 3600.0, 0.8, 7781  # DESI's three arms together


def edges_of(pattern: Overlap) -> np.ndarray:
    """Return the edges of the output pixels from what defines them: loglam0 and steps of 1e-4."""
    return 10 ** (pattern.loglam0 + 1e-4 * (np.arange(len(pattern.width) + 1) - 0.5))


def dense(pattern: Overlap, first: float, step: float, pixels: int) -> np.ndarray:
    """Return the width that each output pixel shares with each input pixel."""
    edges = edges_of(pattern)
    left = first + step * (np.arange(pixels) - 0.5)
    shared = np.minimum(edges[1:, None], left + step) - np.maximum(edges[:-1, None], left)
    return np.maximum(shared, 0)


@pytest.fixture(scope="module")
def pattern() -> Overlap:
    return overlap(FIRST, STEP, PIXELS)


def test_output_grid(pattern: Overlap) -> None:
    loglam = pattern.loglam0 + 1e-4 * np.arange(len(pattern.width))
    assert pattern.loglam0 == round(pattern.loglam0, 4)
    first, last = 10 ** loglam[[0, -1]]
    assert FIRST - STEP / 2 <= first < (FIRST - STEP / 2) * 10**1e-4
    right = FIRST + STEP * (PIXELS - 0.5)
    assert right / 10**1e-4 < last <= right
    assert pattern.index.shape[0] == 4  # 2.3 A of 0.8 A pixels at the red end


def test_equals_a_dense_matrix() -> None:
    first, step, pixels = 4000.3, 0.8, 900
    pattern = overlap(first, step, pixels)
    matrix = dense(pattern, first, step, pixels)
    random = np.random.default_rng(1)
    flux, ivar = random.normal(size=(3, pixels)), random.uniform(0.5, 2, (3, pixels))
    ivar[random.random(ivar.shape) < 0.3] = 0
    good = (ivar > 0) * 1.0
    covered = good @ matrix.T
    informative = covered >= 0.5 * np.diff(edges_of(pattern))
    variance = np.divide(1, ivar, where=ivar > 0, out=np.zeros_like(ivar)) @ (matrix**2).T
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.where(informative, (flux * good) @ matrix.T / covered, 0)
        expected_ivar = np.where(informative, covered**2 / variance, 0)
    got, got_ivar = rebin(pattern, flux, ivar)
    assert 0.5 < informative.mean() < 1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(got_ivar, expected_ivar, rtol=1e-8)


def test_integral_is_conserved(pattern: Overlap) -> None:
    """A spectrum that is zero at the ends has the same integral on both grids."""
    flux = np.random.default_rng(2).uniform(0, 10, (2, PIXELS))
    flux[:, :5] = flux[:, -5:] = 0
    got, _ = rebin(pattern, flux, np.ones_like(flux))
    np.testing.assert_allclose((got * pattern.width).sum(1), flux.sum(1) * STEP, rtol=1e-12)


def test_each_pixel_is_the_mean_of_the_step_function() -> None:
    first, step, pixels = 5000.0, 0.8, 40
    pattern = overlap(first, step, pixels)
    flux = np.random.default_rng(3).uniform(1, 2, (1, pixels))
    got, _ = rebin(pattern, flux, np.ones_like(flux))
    edges = edges_of(pattern)
    for j in range(1, len(pattern.width) - 1):  # the outermost are not wholly covered
        fine = np.linspace(edges[j], edges[j + 1], 20_001)
        middle = (fine[1:] + fine[:-1]) / 2
        inside = np.round((middle - first) / step).astype(int)
        assert got[0, j] == pytest.approx(flux[0, inside].mean(), abs=2e-4)


def test_a_constant_stays_constant_to_the_edges(pattern: Overlap) -> None:
    flux = np.full((1, PIXELS), 3.5)
    got, ivar = rebin(pattern, flux, np.ones_like(flux))
    np.testing.assert_allclose(got[ivar > 0], 3.5, rtol=1e-12)
    assert (ivar[:, :-1] > 0).all()


def test_noise_is_what_ivar_says() -> None:
    pattern = overlap(6000.0, 0.8, 200)
    random = np.random.default_rng(4)
    ivar = random.uniform(0.5, 4, 200)
    noise = random.normal(size=(20_000, 200)) / np.sqrt(ivar)
    got, got_ivar = rebin(pattern, noise, np.broadcast_to(ivar, noise.shape))
    np.testing.assert_allclose(got.var(0) * got_ivar[0], 1, atol=0.05)


def test_bad_pixels_are_not_used(pattern: Overlap) -> None:
    flux, ivar = np.ones((1, PIXELS)), np.ones((1, PIXELS))
    flux[0, 1000:1003], ivar[0, 1000:1003] = 1e6, (0, -1, np.nan)
    flux[0, 2000], ivar[0, 2000] = np.nan, 0
    got, got_ivar = rebin(pattern, flux, ivar)
    np.testing.assert_allclose(got[got_ivar > 0], 1, rtol=1e-12)
    lost = 10 ** (pattern.loglam0 + 1e-4 * np.flatnonzero(got_ivar[0] == 0))
    assert len(lost) >= 2
    near = np.abs(lost[:, None] - (FIRST + STEP * np.array([1001, 2000]))).min(1)
    assert (near[lost < 9800] < 2).all()
    assert not got[got_ivar == 0].any()


def test_half_of_a_pixel_must_be_covered() -> None:
    pattern = overlap(FIRST, STEP, 50)
    ivar = np.ones((1, 50))
    ivar[0, 20:] = 0
    _, got = rebin(pattern, np.ones((1, 50)), ivar)
    edges, end = edges_of(pattern), FIRST + STEP * 19.5
    covered = np.clip((end - edges[:-1]) / np.diff(edges), 0, 1)
    covered[0] = 1  # the first pixel begins before the input, but most of it is covered
    np.testing.assert_array_equal(got[0] > 0, covered >= 0.5)


def test_not_finite_flux_stays_where_it_is(pattern: Overlap) -> None:
    flux, ivar = np.ones((1, PIXELS)), np.ones((1, PIXELS))
    flux[0, 3000] = np.nan
    got, got_ivar = rebin(pattern, flux, ivar)
    wrong = np.flatnonzero(np.isnan(got[0]))
    centres = 10 ** (pattern.loglam0 + 1e-4 * wrong)
    assert 1 <= len(wrong) <= 2
    assert (np.abs(centres - (FIRST + STEP * 3000)) < 2).all()
    assert (got_ivar[0, wrong] > 0).all()
