"""The counts equal those of the table."""

from __future__ import annotations

import hpgeom
import numpy as np
import pytest
from pyspark.sql import functions as F

from galspec_spark.report.release.counts import BINS, SKY_ORDER, Bins
from galspec_spark.report.release.histograms import merged
from galspec_spark.warehouse.flags import FLAG_BITS

GIVEN = ("AGN", "other")
CLASSES = (*GIVEN, "abstain")


def test_classes_flags_and_reasons_are_those_of_the_table(release_report, catalog) -> None:
    counts = release_report.counts
    assert dict(counts.classes) == catalog["class"].value_counts().to_dict()
    assert dict(counts.left_out) == {"zwarning": 30}
    for flag, bit in FLAG_BITS.items():
        assert counts.flags[flag] == (catalog["flags"] & (1 << bit) != 0).sum()
    assert counts.flags["OUTLIER"] > 8
    assert counts.used == 370
    assert counts.classified == catalog["class"].isin(GIVEN).sum()


@pytest.mark.parametrize("quantity", BINS)
@pytest.mark.parametrize("name", CLASSES)
def test_histograms_are_those_of_numpy(release_report, catalog, quantity, name) -> None:
    used = catalog[catalog["reason"].isna() & (catalog["class"] == name)]
    expected, _ = np.histogram(used[quantity], BINS[quantity].edges())
    found = release_report.counts.histogram(quantity, name)
    assert found.sum() == len(used)
    # A value on an edge may fall on either side of it by rounding.
    assert np.abs(np.cumsum(found) - np.cumsum(expected)).max() <= 1


def test_sky_is_that_of_the_positions(release_report, catalog) -> None:
    given = catalog[catalog["class"].isin(GIVEN)]
    pixel = hpgeom.angle_to_pixel(1 << SKY_ORDER, given["ra"], given["dec"], nest=True)
    expected = np.bincount(pixel, minlength=12 * 4**SKY_ORDER)
    np.testing.assert_array_equal(release_report.counts.sky(GIVEN), expected)


def test_values_beyond_the_bins_and_missing_ones_are_kept_apart(spark) -> None:
    rows = [(value,) for value in (-5.0, 0.0, 0.5, 1.0, 9.0, float("nan"), None)]
    frame = spark.createDataFrame(rows, "value double")

    def places(bins: Bins) -> list[int | None]:
        return [row[0] for row in frame.select(bins.place(F.col("value"))).collect()]

    assert places(Bins(0, 1, 2)) == [0, 0, 1, 1, 1, None, None]
    assert places(Bins(-1, 1, 2, is_log=True)) == [None, None, 0, 1, 1, None, None]


def test_merging_bins_for_a_figure_loses_nothing(release_report) -> None:
    for quantity in ("z", "sn_median"):
        edges, counts = merged(release_report.counts, quantity)
        assert np.all(np.diff(edges) > 0)
        for name in CLASSES:
            assert len(counts[name]) == len(edges) - 1
            total = release_report.counts.histogram(quantity, name).sum()
            assert counts[name].sum() == total
