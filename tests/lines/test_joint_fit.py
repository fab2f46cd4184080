"""The joint fit: derivatives against differences, and laws that hold whatever the spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.lines.continuum import fit_continuum
from galspec_spark.lines.joint_fit import fit_lines
from galspec_spark.lines.measures import Measures, measure
from galspec_spark.lines.model import model_flux
from galspec_spark.lines.normal import SEARCHED, solve
from galspec_spark.lines.segments import Segments, cut_segments
from galspec_spark.lines.spectra import Spectra
from tests.lines.galaxies import LINES, VELOCITY, angstroms, galaxies, some_templates

TEMPLATES = some_templates()
STRONG = ("h_beta", "oiii_5007", "h_alpha", "nii_6583")


#: Lines that the fit of the continuum leaves out; others would bend it.
MASKED = (*STRONG, "oiii_4959", "h_delta", "h_gamma", "oi_6300", "nii_6548", "sii_6716", "sii_6731")


def areas(n: int, value: float) -> np.ndarray:
    area = np.tile(value * np.linspace(0.5, 1.5, len(LINES.names)), (n, 1))
    area[:, ~np.isin(LINES.names, MASKED)] = 0
    area[:, LINES.names.index("oiii_4959")] = area[:, LINES.names.index("oiii_5007")] / 3
    return area


def measured(spectra: Spectra, z: np.ndarray) -> Measures:
    return measure(spectra, z, np.full(len(z), "26", object), TEMPLATES)


@pytest.fixture(scope="module")
def segments() -> Segments:
    spectra, _ = galaxies(TEMPLATES, areas(6, 300), noise=2.0)
    return cut_segments(spectra, fit_continuum(spectra, TEMPLATES).flux, LINES, 40)


def test_derivatives_are_those_of_differences(segments: Segments) -> None:
    at = np.tile([0.2, 1.3, 1.1], (6, 1))
    here, step = solve(segments, at), 1e-5
    for k in range(SEARCHED):
        aside = step * np.eye(SEARCHED)[k]
        slope = (solve(segments, at + aside).chi2 - solve(segments, at - aside).chi2) / (2 * step)
        np.testing.assert_allclose(slope, -2 * here.gradient[:, k], rtol=1e-4, atol=1e-2)


def test_linear_parameters_are_the_least_squares(segments: Segments) -> None:
    """No other amplitude or background lowers chi2."""
    at = np.tile([0.0, 1.2, 1.4], (6, 1))
    best = solve(segments, at)
    assert (best.chi2 > 0).all()
    np.testing.assert_array_less(best.chi2, solve(segments, at + 0.3).chi2)


def test_flux_is_conserved() -> None:
    """Without noise to speak of, the lines come out as they were put in."""
    area = areas(8, 300)
    spectra, z = galaxies(TEMPLATES, area, noise=0.01)
    found = measured(spectra, z)
    for name in STRONG:
        line = found.line(name)
        put_in = area[:, LINES.names.index(name)] * angstroms(name, z)
        np.testing.assert_allclose(line["area"], put_in, rtol=2e-3)
        width = 1.2 if name.startswith("h_") else 1.4
        np.testing.assert_allclose(line["sigma"], width * VELOCITY, rtol=2e-3)
    np.testing.assert_allclose(found.z, z, atol=1e-6)


def test_scaling_flux_and_noise_changes_no_signal_to_noise() -> None:
    spectra, z = galaxies(TEMPLATES, areas(8, 60), noise=2.0)
    scaled = Spectra(7 * spectra.flux, spectra.ivar / 49, spectra.loglam0)
    one, seven = measured(spectra, z), measured(scaled, z)
    for name in STRONG:
        a, b = one.line(name), seven.line(name)
        np.testing.assert_allclose(b["area"] / b["area_err"], a["area"] / a["area_err"], rtol=1e-4)
        np.testing.assert_allclose(b["ew"], a["ew"], rtol=1e-4, atol=1e-4)


def test_a_spectrum_without_lines_has_none() -> None:
    spectra, z = galaxies(TEMPLATES, areas(40, 0), noise=2.0)
    found = measured(spectra, z)
    assert set(found.subclass) == {""}
    assert (found.margin < 0).all()


@pytest.mark.parametrize("area", [20.0, 60.0, 300.0])
def test_pulls_are_normal(area: float) -> None:
    """(measured - true) / error: no bias above 0.1, and a scatter of 1.0 +- 0.1."""
    n = 200
    spectra, z = galaxies(TEMPLATES, areas(n, area), noise=2.0, seed=int(area))
    found, pulls = measured(spectra, z), []
    for name in STRONG:
        line = found.line(name)
        put_in = areas(n, area)[:, LINES.names.index(name)] * angstroms(name, z)
        pulls.append((line["area"] - put_in) / line["area_err"])
    assert abs(np.mean(pulls)) < 0.1
    assert abs(np.std(pulls) - 1) < 0.1


def test_the_model_is_the_spectrum_without_its_noise() -> None:
    spectra, _ = galaxies(TEMPLATES, areas(6, 300), noise=2.0)
    continuum = fit_continuum(spectra, TEMPLATES).flux
    flux = model_flux(spectra, continuum, LINES, fit_lines(spectra, continuum, LINES))
    there = np.isfinite(flux)
    assert there.sum(axis=1).min() > 2000
    chi2 = np.where(there, (spectra.flux - flux) ** 2 * spectra.ivar, 0).sum(axis=1)
    np.testing.assert_allclose(chi2 / there.sum(axis=1), 1, atol=0.1)


def test_wide_lines_are_seen_whole() -> None:
    """Beyond the first reach; the continuum is given, which so wide a line would bend."""
    area = areas(4, 3000)
    without, _ = galaxies(TEMPLATES, 0 * area, noise=0.5)
    spectra, _ = galaxies(TEMPLATES, area, noise=0.5, widths=(12.0, 2.0))
    continuum = np.where(fit_continuum(without, TEMPLATES).flux != 0, without.flux, 0)
    fit = fit_lines(spectra, continuum, LINES)
    np.testing.assert_allclose(fit.searched[:, 1], 12, rtol=0.02)
    h_beta = LINES.names.index("h_beta")
    np.testing.assert_allclose(fit.area[:, h_beta], area[:, h_beta], rtol=0.02)


def test_lines_out_of_range_and_without_pixels_are_marked() -> None:
    spectra, z = galaxies(TEMPLATES, areas(4, 300), noise=2.0)
    place = spectra.centres(LINES)[:, LINES.names.index("h_alpha")]
    near = np.abs(np.arange(spectra.flux.shape[1]) - place[:, None]) < 40
    holed = Spectra(spectra.flux, np.where(near, 0, spectra.ivar), spectra.loglam0)
    found = measured(holed, z)
    assert (found.line("h_alpha")["area_err"] == -2).all()
    assert (found.line("ly_alpha")["area_err"] == -1).all()
    assert np.isnan(found.line("ly_alpha")["area"]).all()
    assert np.isnan(found.margin).all()


@pytest.mark.parametrize("pixels", [0, 1, 3, 200])
def test_hardly_any_pixels_are_no_error(pixels: int) -> None:
    """Neither of a spectrum, nor of none."""
    spectra, z = galaxies(TEMPLATES, areas(2, 300), noise=2.0)
    few = Spectra(spectra.flux[:, :pixels], spectra.ivar[:, :pixels], spectra.loglam0)
    found = measured(few, z)
    assert np.isnan(found.velocity_dispersion).all()
    assert set(found.subclass) == {""}
    none = Spectra(few.flux[:0], few.ivar[:0], few.loglam0[:0])
    assert len(measured(none, z[:0]).margin) == 0
