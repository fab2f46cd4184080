"""Learning a basis, on galaxies whose templates are known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from matplotlib.image import imread

from galspec_spark.errors import UserError
from galspec_spark.lines.linelist import all_lines
from galspec_spark.lines.measures import measure
from galspec_spark.lines.templates import read_templates
from studies.basis.broadening import broadening, to_coefficients, to_vectors
from studies.basis.correction import correct, fit_correction
from studies.basis.learning import Effort, learn, principal, whitened
from studies.basis.response import Frame, respond
from studies.basis.scores import agn_scores, differences, measured, offsets
from studies.basis.stars import components, read_stars
from studies.basis.study import study_basis
from studies.basis.targets import Tolerances, targets
from studies.basis.training import Training, read_training
from tests.lines.galaxies import LINES, LOGLAM0, PIXELS, galaxies, some_templates

TEMPLATES = some_templates()
TRUE = to_coefficients(TEMPLATES.vectors)
FRAME = Frame(TEMPLATES.loglam0, TEMPLATES.vectors.shape[1], ("h_beta", "oiii_5007", "h_alpha"))
SPECTRA = 60


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spec files with the lines that our own fit finds, given the true templates."""
    folder = tmp_path_factory.mktemp("survey")
    area = np.zeros((SPECTRA, len(LINES.names)))
    for name in ("h_beta", "oiii_5007", "h_alpha", "nii_6583"):
        area[:, LINES.names.index(name)] = np.linspace(30, 300, SPECTRA)
    spectra, z = galaxies(TEMPLATES, area, noise=1.0)
    found = measure(spectra, z, np.full(SPECTRA, "26", object), TEMPLATES)
    columns = [all_lines().index(name) for name in LINES.names]
    for row in range(SPECTRA):
        names = {
            "LINEAREA": "area", "LINEAREA_ERR": "area_err", "LINESIGMA": "sigma",
            "LINESIGMA_ERR": "sigma_err", "LINEEW": "ew", "LINEEW_ERR": "ew_err",
            "LINECONTLEVEL": "continuum", "LINECONTLEVEL_ERR": "continuum_err",
        }  # fmt: skip
        lines = {name: found.lines[value][row, columns] for name, value in names.items()}
        lines |= {"LINEZ": np.full(len(columns), found.z[row]), "LINEWAVE": LINES.wavelength}
        of_object = {
            "PLATE": 266, "MJD": 51630, "FIBERID": row + 1, "ZWARNING": 0, "Z": z[row],
            "PLUG_RA": 10.0 + row, "PLUG_DEC": 0.0, "VDISP": found.velocity_dispersion[row],
            "VDISP_ERR": np.nan_to_num(found.velocity_dispersion_err[row], nan=-3),
            "VDISPCHI2": found.continuum_chi2[row], "CLASS": "GALAXY", "RUN2D": "26",
            "SUBCLASS": str(found.subclass[row]), "BESTOBJID": str(row + 1),
        }  # fmt: skip
        pixels = {
            "FLUX": spectra.flux[row], "IVAR": spectra.ivar[row],
            "LOGLAM": LOGLAM0 + 1e-4 * np.arange(PIXELS),
            "AND_MASK": np.zeros(PIXELS, "i4"), "OR_MASK": np.zeros(PIXELS, "i4"),
        }  # fmt: skip
        units = [
            _table("COADD", pixels),
            _table("SPECOBJ", {name: np.array([value]) for name, value in of_object.items()}),
            _table("SPZLINE", {"LINENAME": np.array(LINES.names), **lines}),
        ]
        fits.HDUList([fits.PrimaryHDU(), *units]).writeto(folder / f"spec-{row:04d}.fits")
    return folder


def _table(name: str, columns: dict[str, np.ndarray]) -> fits.BinTableHDU:
    formats = {"i": "J", "f": "D", "U": "24A"}
    made = [fits.Column(key, formats[a.dtype.kind], array=a) for key, a in columns.items()]
    return fits.BinTableHDU.from_columns(made, name=name)


@pytest.fixture(scope="module")
def training(survey: Path) -> Training:
    return read_training(survey)


@pytest.fixture(scope="module")
def start() -> np.ndarray:
    """The true templates, mixed and disturbed."""
    rng = np.random.default_rng(5)
    mixed = rng.normal(size=(24, 24)) @ TRUE
    return np.asarray(mixed + 0.01 * np.abs(mixed).mean() * rng.normal(size=mixed.shape))


@pytest.mark.parametrize(("dispersion", "phase"), [(0, 0), (0, 10), (4, 3), (34, 9)])
def test_broadening_is_that_of_the_product(dispersion: int, phase: int) -> None:
    matrix = broadening(FRAME.pixels, dispersion, phase)
    expected = TEMPLATES.at(dispersion, phase)
    np.testing.assert_allclose(matrix @ TRUE.T, expected.T, atol=1e-5 * np.abs(expected).max())


def test_vectors_have_the_coefficients_that_they_come_from() -> None:
    np.testing.assert_allclose(to_coefficients(to_vectors(TRUE, FRAME.pixels)), TRUE, atol=1e-9)


def test_the_true_basis_has_no_residual(training: Training) -> None:
    """Through the file: units, redshifts and widths are read as SDSS writes them."""
    found = respond(training, TRUE, FRAME, gradients=False)
    value, chi2 = targets(training, FRAME, Tolerances(1, 1, 1)).residual(found)
    assert np.count_nonzero(value) > 5 * SPECTRA
    assert np.abs(value).max() < 0.02
    assert np.count_nonzero(chi2) >= 2 * SPECTRA
    assert np.abs(chi2).max() < 0.02


def test_other_combinations_are_the_same_basis(training: Training) -> None:
    found = respond(training, TRUE, FRAME, gradients=False)
    other = principal(whitened(training, TRUE, found))
    np.testing.assert_allclose(other @ other.T, np.eye(24), atol=1e-9)
    again = respond(training, other, FRAME, gradients=False)
    np.testing.assert_allclose(again.value, found.value, rtol=1e-6)
    np.testing.assert_allclose(again.chi2, found.chi2, rtol=1e-6)


def test_responses_are_those_of_differences(training: Training, start: np.ndarray) -> None:
    response = respond(training, start, FRAME)
    step = 1e-5 * np.abs(start).mean() * np.random.default_rng(6).normal(size=start.shape)
    up, down = (respond(training, start + s * step, FRAME, gradients=False) for s in (1, -1))
    value, chi2 = response.change(2 * step)
    scale = np.abs(value).max(axis=1, keepdims=True)
    np.testing.assert_allclose((up.value - down.value) / scale, value / scale, atol=1e-4)
    np.testing.assert_allclose((up.chi2 - down.chi2), chi2, rtol=1e-3, atol=1e-3 * np.std(chi2))


def test_the_transpose_is_one(training: Training, start: np.ndarray) -> None:
    response = respond(training, start, FRAME)
    rng = np.random.default_rng(7)
    step = rng.normal(size=start.shape)
    value, chi2 = response.change(step)
    left, right = rng.normal(size=value.shape), rng.normal(size=chi2.shape)
    back = response.change_back(left, right)
    forward = (left * value).sum() + (right * chi2).sum()
    np.testing.assert_allclose((back * step).sum(), forward, rtol=1e-4)


def test_a_few_iterations_bring_the_residual_down(training: Training, start: np.ndarray) -> None:
    learned = list(learn(training, start, FRAME, Tolerances(), Effort(iterations=2)))
    residuals = [each.residual for each in learned]
    assert residuals == sorted(residuals, reverse=True)
    assert residuals[-1] < 0.3 * residuals[0]


def test_folds_are_of_objects(training: Training) -> None:
    twice = dataclasses.replace(training, object_id=np.repeat(training.object_id[::2], 2))
    fold = twice.folds(3)
    assert (fold[::2] == fold[1::2]).all()
    assert set(fold) <= {0, 1, 2}


def test_a_correction_finds_what_is_linear(training: Training) -> None:
    found = measured(training, TEMPLATES)
    assert np.nanmax(np.abs(differences(training, found))) < 0.05
    more = 10 * found.area_err.min(axis=0) * found.theta[:, :1] / np.abs(found.theta[:, 0]).max()
    spoilt = dataclasses.replace(found, area=found.area + more)
    mended = correct(spoilt, fit_correction(training, spoilt))
    before, after = (np.nanstd(differences(training, each)) for each in (spoilt, mended))
    assert after < 0.5 * before
    spoilt.area[0] += 1e6 * found.area_err[0]  # as of a fit that went elsewhere
    again = differences(training, correct(spoilt, fit_correction(training, spoilt)))
    assert np.nanstd(again[1:]) < 0.5 * before
    assert agn_scores(training, found)["false_positive"] == 0


def write_stars(folder: Path, vectors: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, flux in enumerate(vectors):
        image = fits.PrimaryHDU(np.pad(flux, 50, mode="edge"))
        image.header["CRVAL1"], image.header["CDELT1"] = TEMPLATES.loglam0 - 50e-4, 1e-4
        image.writeto(folder / f"star-{number:02d}.fits", overwrite=True)
    return folder


def test_learning_starts_from_the_components_of_stars(tmp_path: Path) -> None:
    stars = 100 + TEMPLATES.vectors
    read = read_stars(write_stars(tmp_path / "stars", stars), TEMPLATES.loglam0, FRAME.pixels)
    np.testing.assert_allclose(read, stars / stars.mean(axis=1, keepdims=True), rtol=1e-6)
    vectors = components(read)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(24), atol=1e-9)
    np.testing.assert_allclose(read @ vectors.T @ vectors, read, atol=1e-9)
    with pytest.raises(UserError, match="24 are needed"):
        read_stars(write_stars(tmp_path / "few", stars[:3]), TEMPLATES.loglam0, FRAME.pixels)
    with pytest.raises(UserError, match="does not cover"):
        read_stars(tmp_path / "stars", TEMPLATES.loglam0 - 0.1, FRAME.pixels)


def test_the_study_writes_a_basis_that_is_read(survey: Path, tmp_path: Path) -> None:
    stars = write_stars(tmp_path / "stars", 100 + TEMPLATES.vectors)
    study_basis(survey, stars, tmp_path / "out", folds=2, effort=Effort(iterations=1, searches=5))
    content = (tmp_path / "out" / "basis.fits").read_bytes()
    templates = read_templates(content, "basis.fits")
    assert templates.vectors.shape == (24, 2169)
    assert len(content) < 260_000
    assert templates.seen == set(read_training(survey).key)
    assert fits.getheader(tmp_path / "out" / "basis.fits")["NSPECTRA"] == SPECTRA
    numbers = json.loads((tmp_path / "out" / "basis.json").read_text())
    assert numbers["objects"] == SPECTRA
    assert set(numbers["held_out"]) == {"stars", "learned", "corrected"}
    assert numbers["held_out"]["learned"]["lines"]["h_beta"]["spectra"] == SPECTRA
    assert np.ptp(imread(tmp_path / "out" / "h_beta.png")) > 0.5
    with pytest.raises(UserError, match="no spec file"):
        study_basis(stars, stars, tmp_path / "out", folds=0, effort=Effort())


def test_scores_are_counted(training: Training) -> None:
    found = measured(training, TEMPLATES)
    theirs = dataclasses.replace(training, subclass=np.where(training.subclass == "AGN", "", "AGN"))
    right, wrong = agn_scores(training, found), agn_scores(theirs, found)
    assert right["f1"] in (0, 1)
    assert wrong["false_positive"] == right["true_positive"]
    assert wrong["false_negative"] == SPECTRA - right["true_positive"]
    assert offsets(training, found)["h_beta"]["scatter_sigma"] < 0.05
