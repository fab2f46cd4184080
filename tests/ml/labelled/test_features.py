"""Features without leakage: each fold's components come from the other folds alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn import decomposition

from galspec_spark.ml.features.pca import KIND, Coefficients, Settings
from galspec_spark.ml.labelled.features import feature_table, fold_column, narrow_partitions
from galspec_spark.ml.pca import partial_sums
from galspec_spark.ml.pca.fit import fit_components
from galspec_spark.warehouse.storage import Location
from tests.ml.synthetic import FOLDS, restframe, write_warehouse
from tests.warehouses import labelled

K = 4


SETTINGS = Settings(n_components=K)


@pytest.fixture(scope="module")
def table():
    return restframe(100)


@pytest.fixture(scope="module")
def spectra(table, tmp_path_factory):
    return labelled(write_warehouse(tmp_path_factory.mktemp("parts"), table, 3))


@pytest.fixture(scope="module")
def rows(table):
    """The labelled rows in numpy: spectrum_id, fold (-1 in the test split), flux."""
    used = table.filter(pc.is_valid(table["split"]))
    fold = used["fold"].fill_null(-1).to_numpy()
    flux = used["flux"].combine_chunks().flatten().to_numpy().reshape(len(used), -1)
    return used["spectrum_id"].to_pylist(), fold, flux.astype(np.float64)


@pytest.fixture(scope="module")
def components(spark, spectra, tmp_path_factory):
    scratch = Location.of(tmp_path_factory.mktemp("scratch"))
    return fit_components(spark, spectra, SETTINGS, FOLDS, scratch)


def angle(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the sine of the largest angle between two subspaces."""
    return float(np.linalg.norm(ours - ours @ theirs.T @ theirs, 2))


def test_a_folds_components_are_those_of_the_other_folds(components, rows):
    _, fold, flux = rows
    assert len(components) == FOLDS + 1
    for number, ours in enumerate(components):
        training = flux[(fold >= 0) & (fold != number)]
        oracle = decomposition.PCA(K, svd_solver="full").fit(training)
        assert angle(ours.vectors, oracle.components_) < 1e-6
        np.testing.assert_allclose(ours.mean, oracle.mean_, rtol=1e-9)
        np.testing.assert_allclose(
            ours.explained_variance, oracle.explained_variance_ratio_, atol=1e-9
        )


def test_tasks_add_up_what_the_driver_does(spark, spectra, components, tmp_path, monkeypatch):
    monkeypatch.setattr(partial_sums, "FEW_TASKS", 0)
    found = fit_components(spark, spectra, SETTINGS, FOLDS, Location.of(tmp_path))
    for ours, theirs in zip(found, components, strict=True):
        np.testing.assert_allclose(ours.vectors, theirs.vectors, atol=1e-12)


@pytest.fixture(scope="module")
def short_spectra(table, tmp_path_factory):
    """The same spectra with 100 pixels, all good: MLlib's own PCA takes minutes for 2642."""
    flux = pc.list_slice(table["flux"], 0, 100)
    ones = pa.array([None if f is None else [1.0] * 100 for f in flux.to_pylist()], flux.type)
    for name, column in (("flux", flux), ("ivar", ones)):
        table = table.set_column(table.column_names.index(name), name, column)
    return labelled(write_warehouse(tmp_path_factory.mktemp("short"), table), pixels=100)


@pytest.mark.parametrize("solver", ["mllib", "mask"])
def test_other_ways_to_the_same_components(spark, short_spectra, solver, tmp_path):
    place = Location.of(tmp_path)
    expected = fit_components(spark, short_spectra, SETTINGS, FOLDS, place)
    found = fit_components(
        spark,
        short_spectra,
        SETTINGS.model_copy(update={"solver": solver, "em_passes": 1}),
        FOLDS,
        place,
    )
    for ours, theirs in zip(expected, found, strict=True):
        assert angle(ours.vectors, theirs.vectors) < 1e-6
        np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-6)
        np.testing.assert_allclose(ours.explained_variance, theirs.explained_variance, atol=1e-6)


@pytest.mark.parametrize("projection", ["filled", "masked"])
def test_every_spectrum_has_coefficients_under_all_components(
    spark, spectra, components, rows, projection, tmp_path
):
    ids, _, flux = rows
    fitted = [Coefficients(each, projection == "masked") for each in components]
    table = feature_table(spark, spectra, KIND, fitted, Location.of(tmp_path))
    found = table.rows.orderBy("spectrum_id").toPandas()
    assert found["spectrum_id"].to_list() == sorted(ids)
    for number, each in enumerate(components):
        column = fold_column(number) if number < FOLDS else "all_features"
        values = np.stack([vector.toArray() for vector in found[column]])
        if projection == "filled":
            np.testing.assert_allclose(values, flux @ each.vectors.T, rtol=1e-9, atol=1e-9)
        assert values.shape == (len(ids), K)


def test_order_does_not_depend_on_the_parts(spark, table, tmp_path, components):
    shuffled = table.take(np.random.default_rng(1).permutation(len(table)))
    orders, fitted = [], [Coefficients(each, is_masked=False) for each in components]
    for name, rows, parts in (("one", table, 1), ("five", shuffled, 5)):
        spectra = labelled(write_warehouse(tmp_path / name, rows, parts))
        folder = Location.of(tmp_path / f"{name}-features")
        folder.make_folder()
        frame = feature_table(spark, spectra, KIND, fitted, folder).rows
        orders.append([row.spectrum_id for row in frame.select("spectrum_id").collect()])
    assert orders[0] == orders[1]


def test_partitions_follow_rows_up_to_the_cores():
    assert [narrow_partitions(rows, 4) for rows in (10, 60_000, 120_000, 10**7)] == [1, 1, 2, 4]
