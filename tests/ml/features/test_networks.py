"""Autoencoder and RBM: numpy against scikit-learn, the fits of the folds, and the whole way."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import ValidationError
from pyspark.errors import PythonException
from pyspark.sql import SparkSession
from sklearn.neural_network import BernoulliRBM, MLPRegressor

from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.ml.features import FEATURES, rbm
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.features.network import Network
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.ml.networks import autoencoder as learn_autoencoder
from galspec_spark.ml.networks import rbm as learn_rbm
from galspec_spark.ml.networks.sample import draw_sample
from galspec_spark.preprocess.selection import positions
from galspec_spark.release.drift import drift
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.train.stage import train
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.synthetic import FOLDS, restframe, spectra, write_warehouse
from tests.warehouses import labelled

RunOf = Callable[..., Run]
K = 3
LEARN = {"autoencoder": learn_autoencoder.learn, "rbm": learn_rbm.learn}
SETTINGS = {
    "autoencoder": {"n_components": K, "hidden": 8, "epochs": 300, "sample": 40},
    "rbm": {"n_components": K, "block_pixels": 5, "epochs": 5, "sample": 40},
}
FLUX = spectra(np.arange(60) % 2).astype(np.float64)


def settings_of(kind: str):
    return FEATURES[kind].settings(**SETTINGS[kind])


def inputs_of(flux: np.ndarray) -> Inputs:
    return Inputs(flux, np.ones_like(flux), pa.table({}))


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    return {kind: LEARN[kind](FLUX, settings_of(kind)) for kind in LEARN}


# --- Against scikit-learn ---


def fitted_by(monkeypatch: pytest.MonkeyPatch, estimator: type) -> list:
    """Return a list that gets each estimator that is fitted, and its input."""
    found, fit = [], estimator.fit

    def recorded(self, rows, *target):
        found.append((self, rows))
        return fit(self, rows, *target)

    monkeypatch.setattr(estimator, "fit", recorded)
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_autoencoder_is_scikit_learns(monkeypatch) -> None:
    found = fitted_by(monkeypatch, MLPRegressor)
    ours = learn_autoencoder.learn(FLUX, settings_of("autoencoder"))
    theirs, rows = found[0]
    assert theirs.n_iter_ == 300
    np.testing.assert_allclose(rows[:, 0].std(ddof=1), 1)

    half = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=1)
    encoder = half.fit(rows, rows[:, :K])
    encoder.coefs_, encoder.intercepts_ = theirs.coefs_[:2], theirs.intercepts_[:2]
    code = ours.transform(inputs_of(FLUX))
    np.testing.assert_allclose(code, np.tanh(encoder.predict(rows)), atol=1e-6)
    expected = ours.mean + ours.scale * theirs.predict(rows) @ ours.vectors
    np.testing.assert_allclose(ours.reconstruct(code), expected, atol=1e-6)


def test_components_lose_no_more_than_what_they_leave_out(networks) -> None:
    """What the network gets is as good as the pixels: 60 spectra have 60 components."""
    network = networks["autoencoder"]
    kept = (FLUX - network.mean) @ network.vectors.T @ network.vectors
    np.testing.assert_allclose(network.mean + kept, FLUX, atol=1e-9)


def test_the_machine_is_scikit_learns(monkeypatch) -> None:
    found = fitted_by(monkeypatch, BernoulliRBM)
    ours = learn_rbm.learn(FLUX, settings_of("rbm"))
    ((theirs, visible),) = found
    hidden = ours.transform(inputs_of(FLUX))
    np.testing.assert_allclose(hidden, theirs.transform(visible), atol=1e-6)
    assert (visible.min(), visible.max()) == (0, 1)

    expected = 1 / (1 + np.exp(-(hidden @ theirs.components_ + theirs.intercept_visible_)))
    found_visible = (rbm.block_means(ours.reconstruct(hidden), 5) - ours.low) / ours.span
    np.testing.assert_allclose(found_visible, expected, atol=1e-6)


@pytest.mark.parametrize("block_pixels", [1, 3, 7])
def test_the_last_block_may_be_shorter(block_pixels) -> None:
    flux = FLUX[:4, :20]
    starts = range(0, 20, block_pixels)
    expected = [flux[:, start : start + block_pixels].mean(axis=1) for start in starts]
    means = rbm.block_means(flux, block_pixels)
    np.testing.assert_allclose(means, np.transpose(expected))
    spread = rbm.in_pixels(means, block_pixels, 20)
    np.testing.assert_allclose(rbm.block_means(spread, block_pixels), means)


def test_a_block_that_never_changes_does_no_harm() -> None:
    flux = FLUX.copy()
    flux[:, :50] = 0.7
    machine = learn_rbm.learn(flux, settings_of("rbm"))
    features = machine.transform(inputs_of(flux))
    assert np.isfinite(features).all()
    assert np.isfinite(machine.reconstruct(features)).all()


# --- What both tell of spectra ---


@pytest.mark.parametrize("kind", LEARN)
def test_slopes_are_the_mean_gradient(networks, kind) -> None:
    network, step = networks[kind], 1e-4
    for pixel in (0, 1234, PIXELS - 1):
        change = np.zeros(PIXELS)
        change[pixel] = step
        above, below = (network.transform(inputs_of(FLUX + sign * change)) for sign in (1, -1))
        gradient = (above - below).mean(axis=0) / (2 * step)
        np.testing.assert_allclose(network.slopes[:, pixel], gradient, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("kind", LEARN)
def test_importance_is_the_gradient_times_the_spread_of_the_pixel(networks, kind) -> None:
    network, weights = networks[kind], np.array([2.0, -1.0, 0.5])
    expected = np.abs(weights @ network.slopes) * FLUX.std(axis=0)
    np.testing.assert_allclose(network.explain(weights, True), expected / expected.sum())
    alone = network.explain(np.array([0, 0, 1.0]), False)
    np.testing.assert_allclose(alone, network.slopes[2] ** 2 / (network.slopes[2] ** 2).sum())
    np.testing.assert_allclose(network.explain(np.zeros(K), True), 1 / PIXELS)


@pytest.mark.parametrize("kind", LEARN)
def test_the_error_is_the_rms_of_what_is_left(networks, kind) -> None:
    network = networks[kind]
    features = network.transform(inputs_of(FLUX))
    rest = FLUX - network.reconstruct(features)
    error = network.reconstruction_error(FLUX, features)
    np.testing.assert_allclose(error, np.sqrt((rest**2).mean(axis=1)))
    assert error.mean() < (FLUX - FLUX.mean(axis=0)).std()  # better than the mean spectrum


@pytest.mark.parametrize("kind", LEARN)
def test_what_was_saved_is_read(networks, kind, tmp_path) -> None:
    network = networks[kind]
    network.save(tmp_path)
    read = FEATURES[kind].read(tmp_path)
    assert list(read.names) == list(network.names)
    assert len(set(read.names)) == K == FEATURES[kind].count(settings_of(kind))
    for name, values in vars(network).items():
        np.testing.assert_array_equal(vars(read)[name], values)


@pytest.mark.parametrize("kind", LEARN)
def test_settings_are_bounded(kind) -> None:
    assert FEATURES[kind].settings().n_components == 20
    for wrong in ({"n_components": 0}, {"n_components": 101}, {"sample": 1}, {"colour": 1}):
        with pytest.raises(ValidationError):
            FEATURES[kind].settings(**wrong)


def test_networks_are_features_only_where_they_are_named() -> None:
    assert not LEARN.keys() & Config().train.features.keys()
    named = Config.model_validate({"train": {"features": {"rbm": None, "autoencoder": None}}})
    assert [kind.name for kind in named.train.kinds] == ["autoencoder", "rbm"]


# --- The fits of the folds ---

TABLE = restframe(90)
TRAINING = TABLE.filter(pc.is_valid(TABLE["fold"]))


def fitted(
    spark: SparkSession, kind: str, table: pa.Table, root: Path, parts: int = 2, folds: int = FOLDS
) -> list[Network]:
    warehouse = labelled(write_warehouse(root / "in", table, parts), tasks=parts)
    scratch = Location.of(root / "scratch")
    fit = FEATURES[kind].resolve(FEATURES[kind].fit)
    return fit(spark, warehouse, settings_of(kind), folds, scratch)


def with_flux(table: pa.Table, changed: np.ndarray) -> pa.Table:
    """Return the table with other spectra where a condition holds."""
    rows = table["flux"].to_pylist()
    flux = [row[::-1] if row and each else row for row, each in zip(rows, changed, strict=True)]
    place = table.column_names.index("flux")
    return table.set_column(place, "flux", pa.array(flux, table["flux"].type))


def assert_equal(found: Network, expected: Network) -> None:
    for name, values in vars(expected).items():
        np.testing.assert_allclose(vars(found)[name], values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", LEARN)
def test_a_fold_has_not_seen_its_spectra_and_parts_do_not_matter(spark, kind, tmp_path) -> None:
    first = fitted(spark, kind, TABLE, tmp_path / "first")
    assert len(first) == FOLDS + 1
    in_fold = pc.fill_null(pc.equal(TABLE["fold"], 1), False).to_numpy()
    changed = fitted(spark, kind, with_flux(TABLE, in_fold), tmp_path / "changed", parts=3)
    assert_equal(changed[1], first[1])
    for other in (0, 2, 3):
        assert not np.allclose(changed[other].slopes, first[other].slopes, rtol=0.01)


def test_the_sample_is_the_first_by_hash_of_the_training_split(spark, tmp_path) -> None:
    place = positions(TRAINING["spectrum_id"].to_pylist(), 7)
    flux = np.stack(TRAINING["flux"].to_numpy())
    folds = TRAINING["fold"].to_numpy()
    chosen = np.argsort(place)[:20]
    warehouse = labelled(write_warehouse(tmp_path / "in", TABLE, 3), tasks=2)
    draw = partial(draw_sample, spark, warehouse, seed=7, scratch=Location.of(tmp_path))
    sample = draw(20)
    np.testing.assert_array_equal(sample.outside(None), flux[chosen])
    np.testing.assert_array_equal(sample.outside(2), flux[chosen[folds[chosen] != 2]])
    np.testing.assert_array_equal(draw(1000).outside(None), flux[np.argsort(place)])


def test_too_few_or_infinite_spectra_are_named(spark, tmp_path) -> None:
    few = pc.and_kleene(pc.is_valid(TABLE["fold"]), pc.less(TABLE["fold"], 2))
    with pytest.raises(PythonException, match=r"3 features of 2 spectra: choose fewer"):
        fitted(spark, "rbm", TABLE.filter(few).slice(0, 4), tmp_path / "few", folds=2)
    table = TABLE.set_column(
        TABLE.column_names.index("flux"), "flux", pa.array([[np.inf] * PIXELS] * len(TABLE))
    )
    with pytest.raises(PythonException, match="NaN or infinite values in column flux"):
        fitted(spark, "rbm", table, tmp_path / "infinite")


# --- The whole way ---

TRAIN = {
    "features": SETTINGS,
    "n_best": 2,
    "classifiers": {"logistic_regression": {"fixed": {"maxIter": 50, "regParam": 0.01}}},
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Warehouse:
    return Warehouse(write_warehouse(tmp_path_factory.mktemp("in"), restframe()))


@pytest.fixture(scope="module")
def output(spark, warehouse, run_of: RunOf, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    train(spark, run_of("train", train=TRAIN), warehouse, folder, None)
    return folder


def test_table_1_has_a_block_for_each(output) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    assert [(r["kind"], r["classifier"], r["features"]) for r in metrics["results"]] == [
        (kind, "logistic_regression", "all 3") for kind in LEARN
    ]
    table = (output / "table1.md").read_text()
    for kind in LEARN:
        assert FEATURES[kind].label in table
        assert metrics["features"][kind]["importance"]["peaks"]["logistic_regression"]


def test_the_report_shows_what_they_can_tell(output) -> None:
    page = (output / "report.html").read_text()
    assert "principal components" not in page
    figures = {path.stem for path in (output / "figures").iterdir()}
    assert {"kinds", "wavelength_importance"} <= figures
    assert not figures & {"eigenspectra", "explained_variance"}


def test_the_saved_model_classifies_and_measures_drift(
    spark, warehouse, output, run_of: RunOf, tmp_path
) -> None:
    classify(spark, run_of("classify"), warehouse, output / "model", None)
    parts = [open_part(part).read() for part in warehouse.parts("catalog")]
    rows = pa.concat_tables(parts).to_pandas()
    used = rows[rows["reason"].isna()]
    features = np.stack(used["features"].to_list())
    assert features.shape == (len(used), K)
    assert np.isfinite(features).all()
    assert (used["reconstruction_error"] > 0).all()
    bundle = load_bundle(output / "model")
    assert bundle.profile.error_limits
    found = drift(run_of("drift"), warehouse, output / "model", "dr14", tmp_path)
    assert found["classified"] == len(used)
