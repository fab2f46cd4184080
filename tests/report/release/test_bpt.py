"""The plane of line ratios against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from galspec_spark.report.release.bpt import X_RANGE, Y_RANGE, edges, find_plane
from galspec_spark.report.release.bpt_figure import FEW, bpt, kauffmann, kewley
from tests.report.reading import words
from tests.report.release.conftest import LINES, lines_table


@pytest.fixture
def detected(catalog) -> pd.DataFrame:
    """The spectra with all lines and a class, once each."""
    lines = lines_table(sorted(catalog["spectrum_id"])).drop_duplicates("spectrum_id")
    rows = catalog[["spectrum_id", "class"]].merge(lines_of(catalog, lines), on="spectrum_id")
    for line in LINES:
        error = rows[f"{line}_area_err"]
        rows = rows[(error > 0) & (rows[f"{line}_area"] > 3 * error)]
    return rows[rows["class"].isin(["AGN", "other"])]


def lines_of(catalog: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines in the order in which the fixture gave them to spectra."""
    return lines.assign(spectrum_id=catalog["spectrum_id"].to_numpy())


def test_plane_counts_each_spectrum_with_all_lines_once(release_report, detected) -> None:
    area = detected[[f"{line}_area" for line in LINES]].to_numpy(float).T
    x, y = np.log10(area[0] / area[1]), np.log10(area[2] / area[3])
    above = y > 0.22 - 1.2 * x
    agn = (detected["class"] == "AGN").to_numpy()
    expected = [[np.sum((above == a) & (agn == b)) for b in (0, 1)] for a in (0, 1)]
    assert min(map(min, expected)) > 0
    plane = release_report.plane
    assert plane.sides.tolist() == expected
    for found, chosen in ((plane.other, ~agn), (plane.agn, agn)):
        inside = np.clip(x[chosen], -1.999, 0.999), np.clip(y[chosen], -1.499, 1.599)
        by_numpy, _, _ = np.histogram2d(*inside, [edges(X_RANGE), edges(Y_RANGE)])
        np.testing.assert_array_equal(found, by_numpy)


def test_figure_halves_its_bins_for_few_spectra_and_loses_none(release_report) -> None:
    figure = bpt(release_report)
    assert release_report.plane.spectra < FEW
    counts = figure.axes[0].collections[0].get_array()
    assert counts.sum() == release_report.plane.spectra
    assert "Kauffmann" in " ".join(text.get_text() for text in figure.legends[0].get_texts())
    assert "Hα" in words(figure)


def test_curves_pass_through_their_published_points() -> None:
    assert kauffmann(np.array([-0.45]))[0] == pytest.approx(0.08)
    assert kewley(np.array([-0.53]))[0] == pytest.approx(0.58)
    assert np.isnan(kauffmann(np.array([0.1]))[0])


def test_there_is_no_plane_without_spectra_or_lines(spark, report_of) -> None:
    assert find_plane(spark, [], spark.range(1)) is None
    report = report_of("dr2")
    assert report.plane is None
    assert bpt(report) is None
