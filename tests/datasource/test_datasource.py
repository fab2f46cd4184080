"""``spark.read.format("galspec")``: the readers as a Spark data source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.datasource.source import SCHEMA, GalspecDataSource
from galspec_spark.harness.run import Run
from galspec_spark.ingest import ingest
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spec_files.write_survey(tmp_path_factory.mktemp("survey"))


def as_rows(frame: DataFrame) -> list[str]:
    """Return rows as text, which is equal where nulls are."""
    return sorted(json.dumps(row.asDict(), default=str) for row in frame.collect())


def test_the_source_gives_what_ingest_writes(
    spark: SparkSession, survey: Path, tmp_path: Path, run_of: Callable[..., Run]
) -> None:
    warehouse = Warehouse(tmp_path)
    ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    read = spark.read.format("galspec").option("release", "dr14").load(str(survey))
    assert read.columns == SCHEMA.names
    assert as_rows(read) == as_rows(read_table(spark, warehouse, "spectra").select(*SCHEMA.names))


def test_a_schema_prunes_columns_and_several_paths_are_read(
    spark: SparkSession, survey: Path
) -> None:
    paths = [str(path) for path in sorted(survey.iterdir())[:2]]
    read = spark.read.format("galspec").schema("z double, flux array<float>").load(paths)
    rows = sorted(read.collect())
    assert [round(row.z, 2) for row in rows] == [0.03, 0.13]
    np.testing.assert_array_equal(np.array(rows[1].flux, "f4"), spec_files.arrays(1)["flux"])


def test_options_and_errors(spark: SparkSession, survey: Path, tmp_path: Path) -> None:
    assert spark.read.format("galspec").option("survey", "desi").load(str(survey)).count() == 0
    whole = spec_files.write(tmp_path, 0).read_bytes()
    (tmp_path / "half.fits").write_bytes(whole[:20000])
    read = spark.read.format("galspec")
    with pytest.raises(PySparkException, match=r"half\.fits: truncated: .*ignoreCorruptFiles"):
        read.load(str(tmp_path)).collect()
    assert read.option("ignoreCorruptFiles", "true").load(str(tmp_path)).count() == 1
    with pytest.raises(PySparkException, match=r"no column 'redshift double'"):
        spark.read.format("galspec").schema("redshift double").load(str(survey)).collect()
    with pytest.raises(PySparkException, match=r"needs a path"):
        spark.read.format("galspec").load().collect()


def test_the_name_is_the_sources() -> None:
    assert GalspecDataSource.name() == "galspec"
