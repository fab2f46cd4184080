"""Weighted components: against their definition, through Spark, and on data of known truth."""

from __future__ import annotations

import secrets
from functools import reduce

import numpy as np
import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.gappy import fill_gaps, prior_precision
from galspec_spark.ml.labelled.spectra import labelled_spectra as labelled_spectra_of
from galspec_spark.ml.pca import pixel_sums
from galspec_spark.ml.pca.pixel_sums import PixelSums, improved, pixel_weights
from galspec_spark.ml.pca.weighted import fit_weighted
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from studies.gaps.page import effects
from tests.ml.low_rank import (
    FOLDS,
    labelled_spectra,
    largest_angle,
    mean_filled,
    ordinary,
    spectra,
    truth,
)

K, ROWS, PIXELS = 4, 240, 300
MEAN, VECTORS = truth(PIXELS, K)
CLEAN = spectra(ROWS, MEAN, VECTORS)


def with_noise(level: float = 0.02) -> np.ndarray:
    return CLEAN + np.random.default_rng(5).normal(0, level, CLEAN.shape)


def scattered_gaps(share: float) -> np.ndarray:
    """Return ivar of 1, but 0 in a share of the pixels: mostly at one end of two rows in three."""
    random = np.random.default_rng(6)
    ivar = (random.random((ROWS, PIXELS)) > share / 3).astype(float)
    blue = np.arange(PIXELS) < random.integers(0, int(2 * share * PIXELS), ROWS)[:, None]
    blue[::3] = False
    ivar[blue] = 0
    return ivar


def passes(
    flux: np.ndarray, ivar: np.ndarray, start: Components, weighting: str, number: int
) -> Components:
    """Run the kernel alone, on all rows."""
    weights = pixel_weights(ivar, weighting, 0.05 * np.median(np.abs(start.mean)))
    for _ in range(number):
        sums = PixelSums(start)
        sums.add(flux, weights)
        start = improved(sums.values, start)
    return start


def assert_close(ours: Components, other: Components, atol: float) -> None:
    np.testing.assert_allclose(ours.mean, other.mean, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.vectors, other.vectors, rtol=0, atol=atol)
    np.testing.assert_allclose(ours.explained_variance, other.explained_variance, atol=atol)


@pytest.fixture
def fit(spark, tmp_path):
    """Return a function that fits spectra of a warehouse."""

    def fit_spectra(flux, ivar, starts, weighting, number, **rows):
        folder = tmp_path / secrets.token_hex(4)
        found = labelled_spectra(folder, flux, ivar, **rows)
        return fit_weighted(
            spark, found, starts, weighting, number, Location.of(folder / "scratch")
        )

    return fit_spectra


@pytest.mark.parametrize("k", [2, K])
def test_without_gaps_it_is_ordinary_pca(fit, k):
    """Its solution stays where it is, to the last digits, with its explained variance."""
    flux = with_noise(0.1).astype(np.float32).astype(np.float64)
    expected = ordinary(flux, k)
    ours = fit(flux, np.ones_like(flux), [expected], "mask", 3)[-1]
    assert largest_angle(ours.vectors, expected.vectors) < 1e-5
    np.testing.assert_allclose(ours.explained_variance, expected.explained_variance, atol=1e-9)
    np.testing.assert_allclose(np.abs((ours.vectors * expected.vectors).sum(axis=1)), 1, atol=1e-9)
    np.testing.assert_allclose(ours.mean, flux.mean(axis=0), atol=1e-9)


def test_without_gaps_it_becomes_ordinary_pca_from_anywhere():
    flux = with_noise(0.1)
    expected = ordinary(flux, K)
    random = np.random.default_rng(1)
    anywhere = np.linalg.qr(random.normal(size=(PIXELS, K)))[0].T
    start = Components(np.full(PIXELS, 0.9), anywhere, np.full(K, 0.1))
    ours = passes(flux, np.ones_like(flux), start, "mask", 30)
    assert largest_angle(ours.vectors, expected.vectors) < 1e-3
    np.testing.assert_allclose(ours.explained_variance, expected.explained_variance, atol=1e-6)


def test_components_are_orthonormal_ordered_and_upright():
    ivar = scattered_gaps(0.3) / 0.02**2
    ours = passes(with_noise(), ivar, ordinary(mean_filled(CLEAN, ivar > 0), K), "ivar", 3)
    np.testing.assert_allclose(ours.vectors @ ours.vectors.T, np.eye(K), atol=1e-12)
    assert (np.diff(ours.explained_variance) < 0).all()
    assert 0.9 < ours.explained_variance.sum() <= 1
    assert (ours.vectors[np.arange(K), np.abs(ours.vectors).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("weighting", ["mask", "ivar"])
def test_one_pass_against_a_solver_pixel_by_pixel(weighting):
    """The same alternating least squares, spectrum by spectrum and then pixel by pixel."""
    random = np.random.default_rng(8)
    ivar = scattered_gaps(0.3) * random.uniform(50, 5000, (ROWS, PIXELS))
    flux = with_noise()
    start = ordinary(mean_filled(flux, ivar > 0), K)
    weights = (ivar > 0).astype(float)
    if weighting == "ivar":
        floor = 0.05 * np.median(np.abs(start.mean))
        weights = np.where(ivar > 0, floor**2 / (floor**2 + 1 / np.maximum(ivar, 1e-9)), 0)

    prior = prior_precision(start)
    fitted = []
    for spectrum, weight in zip(flux - start.mean, weights, strict=True):
        matrix = start.vectors * weight @ start.vectors.T + np.diag(prior)
        fitted.append((1 + prior) * np.linalg.solve(matrix, start.vectors @ (weight * spectrum)))
    extended = np.column_stack([np.ones(ROWS), fitted])
    shares = weights.mean(axis=1) / weights.mean(axis=1).sum()
    mean = (weights * flux).sum(axis=0) / weights.sum(axis=0)
    total = ((weights * (flux - mean) ** 2).sum(axis=0) / weights.sum(axis=0)).sum()
    noise = (1 - start.explained_variance.sum()) * total
    model = []
    for pixel in range(PIXELS):
        root = np.sqrt(weights[:, pixel])
        missing = 1 - weights[:, pixel].sum() / weights.sum(axis=0).max()
        ridge = np.sqrt(10 * noise * missing) * np.eye(K + 1)[1:]
        right = np.append(root * (flux[:, pixel] - start.mean[pixel]), np.zeros(K))
        matrix = np.vstack([root[:, None] * extended, ridge])
        model.append(np.linalg.lstsq(matrix, right, rcond=None)[0])
    reconstructed = start.mean + extended @ np.transpose(model)

    ours = passes(flux, ivar, start, weighting, 1)
    np.testing.assert_allclose(ours.mean, shares @ reconstructed, atol=1e-9)
    left = reconstructed - ours.mean
    np.testing.assert_allclose(left @ ours.vectors.T @ ours.vectors, left, atol=1e-8)
    residual = (weights * (flux - reconstructed) ** 2).sum(axis=0) / weights.sum(axis=0)
    expected = 1 - residual.sum() / total
    np.testing.assert_allclose(ours.explained_variance.sum(), expected, atol=1e-9)
    variances = (shares @ (left @ ours.vectors.T) ** 2) * expected
    ratio = ours.explained_variance / variances
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_truth_is_found_with_30_percent_missing():
    ivar = scattered_gaps(0.3)
    good = ivar > 0
    assert 0.25 < 1 - good.mean() < 0.35
    start = ordinary(mean_filled(CLEAN, good), K)
    ours = passes(CLEAN, ivar, start, "mask", 10)
    assert largest_angle(start.vectors, VECTORS) > 10
    assert largest_angle(ours.vectors, VECTORS) < 1e-4
    assert ours.explained_variance.sum() > 0.9999
    restored = fill_gaps(np.where(good, CLEAN, 0), ivar, ours)
    assert np.abs(restored - CLEAN)[~good].max() < 0.02 * CLEAN.std(axis=0).max()


def test_ten_passes_bring_most_of_it_with_noise():
    ivar = scattered_gaps(0.3)
    flux = with_noise()
    start = ordinary(mean_filled(flux, ivar > 0), K)
    ours = passes(flux, ivar, start, "mask", 10)
    assert largest_angle(ours.vectors, VECTORS) < 0.2 * largest_angle(start.vectors, VECTORS)


def test_ivar_weights_beat_none_where_noise_differs():
    """A third of the spectra is twenty times as noisy, as is a third of all pixels."""
    random = np.random.default_rng(9)
    error = np.where(np.arange(ROWS) % 3 == 0, 0.6, 0.03)[:, None] * np.ones(PIXELS)
    error[:, 100:200] *= np.where(random.random((ROWS, 100)) < 1 / 3, 10, 1)
    flux = CLEAN + random.normal(0, error)
    start = ordinary(flux, K)
    ours = passes(flux, error**-2, start, "ivar", 10)
    unweighted = passes(flux, error**-2, start, "mask", 10)
    assert largest_angle(ours.vectors, VECTORS) < 0.5 * largest_angle(unweighted.vectors, VECTORS)
    assert np.abs(ours.mean - CLEAN.mean(axis=0)).mean() < np.abs(flux.mean(axis=0) - MEAN).mean()


def test_weights_level_off_for_bright_spectra():
    weights = pixel_weights(np.array([0.0, -1.0, 1.0, 400.0, 1e4, 1e8]), "ivar", 0.05)
    np.testing.assert_allclose(weights, [0, 0, 1 / 401, 0.5, 1e4 / 10400, 1], rtol=1e-5)
    np.testing.assert_array_equal(pixel_weights(np.array([0, 1e-9, 7.0]), "mask", 0.05), [0, 1, 1])


def test_a_pixel_that_no_spectrum_has_gets_no_component():
    ivar = scattered_gaps(0.2)
    ivar[:, 40] = 0
    start = ordinary(mean_filled(CLEAN, scattered_gaps(0.2) > 0), K)
    ours = passes(np.where(ivar > 0, CLEAN, np.nan), ivar, start, "mask", 2)
    assert ours.mean[40] == pytest.approx(start.mean[40], abs=1e-9)
    np.testing.assert_allclose(ours.vectors[:, 40], 0, atol=1e-9)
    assert largest_angle(np.delete(ours.vectors, 40, 1), np.delete(VECTORS, 40, 1)) < 1


def test_what_filled_the_gaps_is_no_component(monkeypatch):
    """Components more than there are would take the filling for one, and keep it for long."""
    ivar = np.ones((ROWS, PIXELS))
    ivar[::2, :80] = 0
    flux = with_noise(0.05)
    start = ordinary(mean_filled(flux, ivar > 0), K + 2)
    error = {}
    for ridge in (0.0, pixel_sums.RIDGE):
        monkeypatch.setattr(pixel_sums, "RIDGE", ridge)
        ours = passes(flux, ivar, start, "mask", 3)
        error[ridge] = (fill_gaps(flux, ivar, ours) - CLEAN)[::2, :80].std()
    of_complete = (fill_gaps(flux, ivar, ordinary(flux, K + 2)) - CLEAN)[::2, :80].std()
    assert error[pixel_sums.RIDGE] < 1.25 * of_complete < 0.3 * error[0.0]


@pytest.fixture(scope="module")
def gappy():
    """Spectra with gaps and noise as float32 arrays, their folds, and starts."""
    random = np.random.default_rng(10)
    error = random.uniform(0.02, 0.2, (ROWS, 1))
    flux = (CLEAN + random.normal(0, 1, CLEAN.shape) * error).astype(np.float32)
    ivar = (scattered_gaps(0.3) / error**2).astype(np.float32)
    flux = mean_filled(flux, ivar > 0).astype(np.float32)
    fold = np.arange(ROWS) % FOLDS
    starts = [ordinary(flux[fold != f].astype(float), K) for f in range(FOLDS + 1)]
    return flux, ivar, fold, starts


@pytest.mark.parametrize("weighting", ["mask", "ivar"])
def test_spark_computes_what_the_kernel_does_for_each_fold(fit, gappy, weighting):
    flux, ivar, fold, starts = gappy
    ours = fit(flux, ivar, starts, weighting, 3)
    assert len(ours) == FOLDS + 1
    for f, (one, start) in enumerate(zip(ours, starts, strict=True)):
        rows = fold != f
        assert_close(one, passes(flux[rows], ivar[rows], start, weighting, 3), 1e-9)


def test_a_fold_left_out_is_a_fit_of_the_others_alone(fit, gappy):
    flux, ivar, fold, starts = gappy
    together = fit(flux, ivar, starts, "mask", 2)
    for f in range(FOLDS):
        alone = fit(flux[fold != f], ivar[fold != f], [starts[f]], "mask", 2)[0]
        assert_close(together[f], alone, 1e-10)


def test_parts_do_not_matter(fit, gappy):
    flux, ivar, _, starts = gappy
    one, *others = (fit(flux, ivar, starts[-1:], "ivar", 2, parts=n)[0] for n in (1, 3, 7))
    for other in others:
        assert_close(other, one, 1e-10)


def test_bad_input_is_named(fit, gappy):
    flux, ivar, fold, starts = gappy
    with pytest.raises(UserError, match="no rows with a good pixel: nothing to find"):
        fit(flux[:4], np.zeros_like(ivar[:4]), starts[-1:], "mask", 1)
    rows = fold == 0
    with pytest.raises(UserError, match="no rows with a good pixel outside fold 0"):
        fit(flux[rows], ivar[rows], [starts[0], starts[-1]], "mask", 1, fold=fold[rows])
    with pytest.raises(UserError, match="NaN or infinite values in column flux"):
        fit(np.full_like(flux, np.nan), ivar, starts[-1:], "mask", 1)


def test_real_spectra_without_their_blue_end(spark, real_warehouse):
    """The gap's own pixels are foretold better, and so are most coefficients."""
    blue, k = 600, 8  # up to 4249 A
    every = labelled_spectra_of(spark, Warehouse(real_warehouse), 0)
    read = [batch for task in every.tasks for batch in every.read(task, ["spectrum_id"])]
    names = np.concatenate([rows["spectrum_id"].to_pylist() for rows, *_ in read])
    flux, ivar = (
        np.concatenate([batch[i] for batch in read])[names.argsort()].astype(float) for i in (1, 2)
    )
    complete = (ivar[:, :blue] > 0).all(axis=1)
    flux, ivar = flux[complete], ivar[complete]
    usual = ((flux - flux.mean(axis=0)) ** 2).sum(axis=1)
    usual = usual < np.quantile(usual, 0.95)  # as realism's comparison does
    flux, ivar = flux[usual], ivar[usual]
    complete_fit = ordinary(flux, k)
    gap = (np.arange(len(flux)) % 2 == 0)[:, None] & (np.arange(ivar.shape[1]) < blue)
    masked = np.where(gap, 0, ivar)
    start = ordinary(mean_filled(flux, masked > 0), k)
    ours = passes(flux, masked, start, "mask", 10)

    errors = {}
    for name, components in {"start": start, "ours": ours}.items():
        errors[name] = (fill_gaps(flux, masked, components) - flux)[gap]
    errors["mean"] = (mean_filled(flux, masked > 0) - flux)[gap]
    size = {name: np.median(np.abs(values)) for name, values in errors.items()}
    assert size["ours"] < 0.8 * size["start"] < 0.8 * size["mean"]
    found = {
        name: effects(complete_fit, one, flux, fill_gaps(flux, masked, one), gap[:, 0])
        for name, one in {"start": start, "ours": ours}.items()
    }
    for error in ("rms", "typical"):
        size = {name: np.mean(result[error]) for name, result in found.items()}
        assert size["ours"] < 0.75 * size["start"]
    assert found["ours"]["angles"][0] < found["start"]["angles"][0]
    assert found["ours"]["angles"][1] < 0.5 * found["start"]["angles"][1]


def test_explained_variance_is_never_more_than_all():
    ivar = scattered_gaps(0.5) * 1e4
    flux = with_noise(0.1)
    flux[:5] *= 30  # outliers
    start = ordinary(mean_filled(flux, ivar > 0), K)
    for weighting in ("mask", "ivar"):
        ours = passes(flux, ivar, start, weighting, 5)
        assert 0 < ours.explained_variance.sum() <= 1


def test_shares_of_one_component_more_only_add():
    flux, ivar = with_noise(0.1), scattered_gaps(0.3)
    shares = [
        passes(flux, ivar, ordinary(mean_filled(flux, ivar > 0), k), "mask", 10)
        for k in range(1, K + 1)
    ]
    sums = [one.explained_variance.sum() for one in shares]
    assert reduce(lambda before, now: now if now > before else np.inf, sums) < 1
