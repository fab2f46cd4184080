"""Spectra of one file, and of arrays, with units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

import galspec_spark as gs
from galspec_spark.spectrum.restframe import RestFrame
from tests import spec_files

KNOWN = 1e-17 * u.erg / u.s / u.cm**2 / u.AA


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return spec_files.write(tmp_path, 3)


def test_a_file_is_what_astropy_reads(file: Path) -> None:
    (spectrum,) = gs.read(file)
    with fits.open(file) as hdus:
        coadd, specobj = hdus[1].data, hdus[2].data
        np.testing.assert_array_equal(spectrum.flux.to_value(KNOWN), coadd["flux"])
        np.testing.assert_array_equal(spectrum.ivar.to_value(KNOWN**-2), coadd["ivar"])
        np.testing.assert_array_equal(spectrum.and_mask, coadd["and_mask"])
        np.testing.assert_allclose(spectrum.wavelength.to_value(u.AA), 10 ** coadd["loglam"], 1e-6)
        assert spectrum.z == pytest.approx(specobj["Z"][0])
    assert spectrum.spectrum_id == "sdss-0266-51630-0004"
    assert spectrum.values["plate"] == 266
    assert repr(spectrum) == "<Spectrum sdss-0266-51630-0004: 3900 pixels, z = 0.0300>"


def test_the_content_of_a_file_is_read_too(file: Path) -> None:
    (from_path,), (from_bytes,) = gs.read(str(file)), gs.read(file.read_bytes())
    np.testing.assert_array_equal(from_path.flux, from_bytes.flux)


def test_what_cannot_be_read_is_one_line(file: Path) -> None:
    with pytest.raises(gs.UserError, match=r"nothing\.fits does not exist"):
        gs.read(file.with_name("nothing.fits"))
    with pytest.raises(gs.UserError, match="the content: truncated"):
        gs.read(file.read_bytes()[:10_000])


def test_a_relative_flux_has_no_unit(real_formats: Path) -> None:
    lamost = next(real_formats.rglob("*spec-5*sp*.fits*"))
    assert str(gs.read(lamost)[0].flux.unit) == ""


def test_the_rest_frame_of_one_and_of_many(file: Path) -> None:
    (spectrum,) = gs.read(file)
    once, twice = gs.rest_frame(spectrum), gs.rest_frame([spectrum, spectrum])
    assert isinstance(once, RestFrame)
    assert once.flux.shape == (1, *gs.wavelength().shape)
    np.testing.assert_array_equal(twice.flux, np.repeat(once.flux, 2, axis=0))
    # The smooth part of the file's own flux, at the wavelengths of the grid.
    observed = np.interp(gs.wavelength() * 1.03, spectrum.wavelength.value, spectrum.flux.value)
    assert np.median(np.abs(once.flux[0] - observed)[once.good[0]]) < 0.2


def arrays(wavelength: np.ndarray, z: float | None = 0.05) -> gs.Spectrum:
    flux = 5 + np.sin(wavelength / 500)
    return gs.Spectrum.from_arrays(wavelength, flux * KNOWN, np.full(len(flux), 4.0) / KNOWN**2, z)


def test_arrays_in_steps_of_the_grid_stay_as_they_are() -> None:
    wavelength = 10 ** (3.58 + 1e-4 * np.arange(3000))
    spectrum = arrays(wavelength)
    np.testing.assert_allclose(spectrum.wavelength.value, wavelength)
    np.testing.assert_allclose(spectrum.flux.to_value(KNOWN), 5 + np.sin(wavelength / 500), 1e-6)
    assert spectrum.values["sn_median"] == pytest.approx(10, abs=2)


def test_arrays_in_equal_steps_are_rebinned_and_units_are_converted() -> None:
    wavelength = np.arange(3800.0, 7200.0, 0.8)
    flux, ivar = 5 + np.sin(wavelength / 500), np.full(len(wavelength), 4.0)
    spectrum = gs.Spectrum.from_arrays((wavelength * u.AA).to(u.nm), flux, ivar, 0.05)
    expected = 5 + np.sin(spectrum.wavelength.value / 500)
    np.testing.assert_allclose(spectrum.flux.value[2:-2], expected[2:-2], rtol=1e-3)


@pytest.mark.parametrize(
    "wavelength",
    [np.geomspace(4000, 7000, 50), np.array([5000.0]), np.full(9, np.nan), -np.ones(9)],
)
def test_other_steps_are_refused(wavelength: np.ndarray) -> None:
    with pytest.raises(gs.UserError, match="resample the spectrum"):
        gs.Spectrum.from_arrays(wavelength, wavelength, wavelength, 0.1)


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(gs.UserError, match="need one shape"):
        gs.Spectrum.from_arrays(np.arange(9), np.arange(8), np.arange(9), 0.1)


def test_without_a_redshift_nothing_is_moved() -> None:
    spectrum = arrays(10 ** (3.58 + 1e-4 * np.arange(3000)), None)
    with pytest.raises(gs.UserError, match="spectrum has no redshift"):
        gs.rest_frame(spectrum)
