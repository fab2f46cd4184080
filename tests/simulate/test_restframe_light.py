from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from galspec_spark.config import SimulateConfig
from galspec_spark.simulate import emission
from galspec_spark.simulate.continuum import continua
from galspec_spark.simulate.population import Population, draw_population
from galspec_spark.simulate.restframe_light import INSTRUMENT, _stars, light_of, pixel_of, profile
from galspec_spark.simulate.restframe_lines import BALMER, FITTED, HALF_WIDTH, INDEX, fit_lines
from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS, loglam, wavelength

GALAXIES = SimulateConfig(stars=0, quasars=0, sky_fibres=0)


@pytest.fixture(scope="module")
def objects() -> Population:
    return draw_population(np.random.default_rng(5), GALAXIES, None)


def test_stars_are_the_continua_that_the_observed_survey_has(objects: Population) -> None:
    quiet = replace(objects, power_law=objects.power_law * 0)
    zero = np.zeros(len(objects.kind))
    width = np.hypot(objects.dispersion, INSTRUMENT)
    expected = continua(
        objects.light, objects.metallicity, objects.abundance, width, zero, zero, loglam()
    )
    assert np.abs(_stars(quiet) / expected - 1).max() < 0.015
    assert np.std(_stars(quiet) / expected - 1) < 0.001


def test_lines_have_their_areas(objects: Population) -> None:
    light = light_of(np.random.default_rng(1), objects)
    lines = (light.model - light.continuum).astype(np.float64)
    drawn = (lines * np.gradient(wavelength())).sum(axis=1)
    waves = np.array(list(emission.WAVELENGTHS.values()))
    at = (np.log10(waves) - LOGLAM0) / LOGLAM_STEP
    whole = (at > 40) & (at < PIXELS - 40)
    partly = (at > -40) & (at < PIXELS + 40) & ~whole
    low = light.line_area[:, whole].sum(axis=1) + light.broad_area.sum(axis=1)
    high = low + light.line_area[:, partly].sum(axis=1)
    assert (drawn > 0.999 * low - 1e-3).all()
    assert (drawn < 1.001 * high + 1e-3).all()


def test_a_profile_is_a_gaussian_of_area_one() -> None:
    centre, sigma = np.array([50.2, 48.0]), np.array([1.3, 4.0])
    drawn = profile(6000.0, np.arange(100), centre, sigma)
    angstrom = 6000.0 * np.log(10) * LOGLAM_STEP
    np.testing.assert_allclose(drawn.sum(axis=1) * angstrom, 1, rtol=1e-5)
    np.testing.assert_allclose(drawn @ np.arange(100) * angstrom, centre, rtol=1e-5)


def test_fitted_lines_scatter_by_their_errors(objects: Population) -> None:
    """The same galaxies with and without noise: what it adds to a line is as large as stated."""
    n = len(objects.kind)
    light = light_of(np.random.default_rng(1), objects)
    quiet = np.zeros((n, PIXELS), np.float32)
    for size in (0.05, 0.2):
        ivar = np.full((n, PIXELS), size**-2, np.float32)
        noise = np.random.default_rng(2).normal(0, size, (n, PIXELS)).astype(np.float32)
        with_noise = fit_lines(np.random.default_rng(3), objects, light, noise, ivar)
        without = fit_lines(np.random.default_rng(3), objects, light, quiet, ivar)
        pull = (with_noise.area - without.area) / with_noise.area_err
        assert abs(pull.mean()) < 0.1
        # SDSS's errors are 1.15 times those of the noise, part of which its background takes.
        assert 0.5 < pull.std() < 0.9


def test_fitted_lines_have_the_areas_that_were_drawn(objects: Population) -> None:
    light = light_of(np.random.default_rng(1), objects)
    quiet = np.zeros((len(objects.kind), PIXELS), np.float32)
    fits = fit_lines(np.random.default_rng(3), objects, light, quiet, quiet + 400)
    i, j = INDEX["[N_II] 6583"], emission.LINES.index("nii_6583")
    level = fits.area[:, i] / fits.ew[:, i]
    residual = (fits.area[:, i] - light.line_area[:, j]) / level
    assert 0 < np.abs(residual).max() < 1  # Angstrom, what the templates leave behind
    ratio = fits.ew[:, i] / fits.ew_err[:, i]
    np.testing.assert_allclose(ratio, fits.area[:, i] / fits.area_err[:, i], rtol=1e-6)


def test_a_line_in_a_gap_or_off_the_grid_is_not_measured(objects: Population) -> None:
    light = light_of(np.random.default_rng(1), objects)
    ivar = np.full((len(objects.kind), PIXELS), 400, np.float32)
    h_beta = round((np.log10(4862.68) - LOGLAM0) / LOGLAM_STEP)
    ivar[0, h_beta - 20 : h_beta + 21] = 0
    fits = fit_lines(np.random.default_rng(3), objects, light, ivar * 0, ivar)
    i = INDEX["H_beta"]
    assert (fits.area[0, i], fits.area_err[0, i], fits.ew_err[0, i]) == (0, -1, -1)
    assert (fits.area_err[1:, i] > 0).all()
    assert all(HALF_WIDTH <= pixel_of(line.wavelength) < PIXELS - HALF_WIDTH for line in FITTED)


def test_lines_of_a_group_have_one_error_where_they_have_one_width(objects: Population) -> None:
    narrow = replace(objects, broad_ew=objects.broad_ew * 0)
    light = light_of(np.random.default_rng(1), narrow)
    ivar = np.full((len(objects.kind), PIXELS), 400, np.float32)
    fits = fit_lines(np.random.default_rng(3), narrow, light, ivar * 0, ivar)
    for group in (BALMER, ~BALMER):
        error = fits.sigma_err[:, group]
        np.testing.assert_allclose(error, error[:, :1].repeat(group.sum(), axis=1))
