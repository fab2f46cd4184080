"""The continuum: against ordinary least squares, and against what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.lines.continuum import POLYNOMIALS, fit_continuum
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import DISPERSIONS
from tests.lines.galaxies import LINES, galaxies, some_templates

TEMPLATES = some_templates()
NO_LINES = np.zeros((12, len(LINES.names)))


@pytest.fixture(scope="module")
def spectra() -> Spectra:
    return galaxies(TEMPLATES, NO_LINES, noise=2.0)[0]


def test_a_dispersion_is_found_again(spectra: Spectra) -> None:
    found = fit_continuum(spectra, TEMPLATES)
    pull = (found.dispersion - DISPERSIONS[6]) / found.dispersion_err
    assert np.abs(pull).max() < 4
    assert (found.dispersion_err > 0).all()


def test_it_is_the_least_squares_of_all_dispersions(spectra: Spectra) -> None:
    """Numpy's own least squares at every dispersion, on pixels without masked lines."""
    wavelength = 10 ** (spectra.loglam0[:, None] + 1e-4 * np.arange(spectra.flux.shape[1]))
    ivar = np.where((wavelength > 5050) & (wavelength < 6250), spectra.ivar, 0)
    found = fit_continuum(Spectra(spectra.flux, ivar, spectra.loglam0), TEMPLATES)
    for row in range(3):
        template = np.flatnonzero(found.flux[row])
        used = ivar[row, template] > 0
        distance = (TEMPLATES.loglam0 - spectra.loglam0[row]) * 1e4
        phase = round(10 * (distance - np.floor(distance)))
        polynomials = np.vander(np.linspace(-1, 1, len(template)), POLYNOMIALS).T
        flux, fits = spectra.flux[row, template], []
        for dispersion in range(len(DISPERSIONS)):
            terms = np.concatenate([TEMPLATES.at(dispersion, phase), polynomials])
            theta = np.linalg.lstsq(terms[:, used].T, flux[used], rcond=None)[0]
            fits.append(theta @ terms)
        chi2 = [((flux - fit)[used] ** 2 * ivar[row, template][used]).sum() for fit in fits]
        best = fits[int(np.argmin(chi2))]
        np.testing.assert_allclose(found.flux[row, template], best, rtol=1e-5, atol=1e-5)
        assert min(chi2) - 5 < found.chi2[row] <= min(chi2) * (1 + 1e-9)


def test_flux_in_masked_lines_changes_nothing(spectra: Spectra) -> None:
    h_alpha = np.log10(6564.614)
    loglam = spectra.loglam0[:, None] + 1e-4 * np.arange(spectra.flux.shape[1])
    spoilt = spectra.flux + 1e4 * (np.abs(loglam - h_alpha) < 5e-4)
    with_line = fit_continuum(Spectra(spoilt, spectra.ivar, spectra.loglam0), TEMPLATES)
    np.testing.assert_array_equal(with_line.flux, fit_continuum(spectra, TEMPLATES).flux)


def test_too_few_pixels_are_no_fit(spectra: Spectra) -> None:
    ivar = np.where(np.arange(spectra.ivar.shape[1]) < 430, spectra.ivar, 0)
    few = fit_continuum(Spectra(spectra.flux, ivar, spectra.loglam0), TEMPLATES)
    assert not few.flux.any()
    assert np.isnan(few.dispersion).all()
    assert not few.pixels.any()
