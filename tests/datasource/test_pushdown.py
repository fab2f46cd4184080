"""Filters of the data source, which came with Spark 4.1."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession, datasource

from tests import spec_files

HAS_FILTERS = hasattr(datasource, "Filter")
needs_filters = pytest.mark.skipif(not HAS_FILTERS, reason="needs Spark 4.1")


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spec_files.write_survey(tmp_path_factory.mktemp("survey"))


@needs_filters
def test_filters_are_applied_before_pixels_are_converted(spark: SparkSession, survey: Path) -> None:
    key = "spark.sql.python.filterPushdown.enabled"
    before = spark.conf.get(key)
    spark.conf.set(key, "true")
    try:
        read = spark.read.format("galspec").option("pushFilters", "true").load(str(survey))
        chosen = read.where("z > 0.1 and fiber in (2, 3) and sn_median > 1")
        plan = chosen._jdf.queryExecution().toString()
        assert {row.fiber for row in chosen.collect()} == {2, 3}
    finally:
        spark.conf.set(key, before)
    filters = plan.split("Physical Plan")[1].split("Filter ")[1].split("BatchScan")[0]
    assert "sn_median" in filters  # float32: Spark's own work
    assert "fiber" not in filters


@needs_filters
def test_filters_mean_what_they_mean_in_spark() -> None:
    from galspec_spark.datasource.pushdown import test_of as as_test

    row = {"survey": "sdss", "z": 0.3, "ra": float("nan"), "fiber": 7}
    for wish, expected in (
        (datasource.EqualTo(("survey",), "sdss"), True),
        (datasource.GreaterThan(("z",), 0.3), False),
        (datasource.In(("fiber",), (7, 8)), True),
        (datasource.IsNull(("ra",)), True),  # not a number in a file is null in the table
        (datasource.GreaterThan(("ra",), 1.0), False),
        (datasource.EqualTo(("mjd",), 1), False),
    ):
        test = as_test(wish)
        assert test is not None
        assert test(row) is expected
    assert as_test(datasource.GreaterThan(("z",), float("nan"))) is None
    assert as_test(datasource.GreaterThan(("quality",), 1)) is None


@pytest.mark.skipif(HAS_FILTERS, reason="Spark 4.1 has filters")
def test_an_older_spark_is_named(spark: SparkSession, survey: Path) -> None:
    read = spark.read.format("galspec").option("pushFilters", "true")
    with pytest.raises(PySparkException, match=r"pushFilters needs Spark 4.1"):
        read.load(str(survey)).collect()
