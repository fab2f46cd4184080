"""The outliers: which, where they are, and their pixels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.report.release.outliers import SHOWN
from galspec_spark.report.release.outliers_figure import describe_outliers, outliers
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.sample import read_flux
from galspec_spark.warehouse.storage import Location
from tests.report.reading import words


def test_they_are_the_furthest_beyond_their_limits(release_report, catalog, bundle) -> None:
    profile = bundle.profile
    place = np.searchsorted(profile.sn_edges, catalog["sn_median"], side="right")
    ratio = catalog["reconstruction_error"] / np.array(profile.error_limits)[place]
    flagged = catalog["flags"] & (1 << FLAG_BITS["OUTLIER"]) != 0
    first = ratio[flagged].sort_values(ascending=False)[:SHOWN]
    assert [o.spectrum_id for o in release_report.outliers] == list(
        catalog["spectrum_id"][first.index]
    )
    np.testing.assert_allclose([o.ratio for o in release_report.outliers], first, rtol=1e-6)


def test_their_pixels_are_those_of_the_row_that_they_name(
    release_report, classified, catalog, bundle
) -> None:
    errors = catalog.set_index("spectrum_id")["reconstruction_error"]
    for outlier in release_report.outliers:
        row = pq.read_table(classified / outlier.part).slice(outlier.row, 1).to_pylist()[0]
        assert row["spectrum_id"] == outlier.spectrum_id
        good = np.array(row["ivar"]) > 0
        np.testing.assert_array_equal(outlier.flux[good], np.array(row["flux"], "f4")[good])
        assert np.isnan(outlier.flux[~good]).all()
        filled = np.where(good, row["flux"], bundle.fill_spectrum)
        rest = filled - outlier.reconstruction
        rms = np.sqrt(np.mean(rest**2))
        assert rms == pytest.approx(errors[outlier.spectrum_id], rel=1e-4)


def test_a_row_that_is_not_the_samples_is_an_error(release_report, classified) -> None:
    outlier = release_report.outliers[0]
    part = Location.of(classified / outlier.part)
    with pytest.raises(UserError, match="is not what the table sample is of: run galspec pre"):
        read_flux(part, outlier.row, "another")
    with pytest.raises(UserError, match="has fewer rows"):
        read_flux(part, 10_000, outlier.spectrum_id)


def test_figure_names_each_and_draws_its_pixels(release_report) -> None:
    figure = outliers(release_report)
    assert len(figure.axes) == 2 * SHOWN
    text, told = words(figure), describe_outliers(release_report)
    for outlier in release_report.outliers:
        assert outlier.spectrum_id in text
        assert outlier.spectrum_id in told
    drawn = figure.axes[0].lines[1].get_ydata()
    np.testing.assert_array_equal(drawn, release_report.outliers[0].flux)


def test_without_outliers_there_is_no_figure(release_report) -> None:
    assert outliers(dataclasses.replace(release_report, outliers=[])) is None


def test_reconstruction_is_what_the_error_is_measured_against(bundle) -> None:
    flux = np.random.default_rng(1).normal(1, 0.2, (3, 2642))
    coefficients = bundle.features.transform(Inputs(flux, np.ones_like(flux), pa.table({})))
    rest = flux - bundle.features.reconstruct(coefficients)
    expected = bundle.features.reconstruction_error(flux, coefficients)
    np.testing.assert_allclose(np.sqrt((rest**2).mean(axis=1)), expected, rtol=1e-5)
