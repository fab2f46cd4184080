"""``spark.read.format("galspec")``: the readers as a Spark data source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from galspec_spark.datasource.options import OF_READ_STREAM, Options
from galspec_spark.datasource.source import SCHEMA, GalspecDataSource
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.readers import batch
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


def test_columns_that_are_not_in_the_schema_are_not_converted(survey: Path) -> None:
    schema = StructType().add("z", "double").add("spectrum_id", "string")
    reader = GalspecDataSource({"path": str(survey)}).reader(schema)
    (partition,) = reader.partitions()
    with patch.object(batch, "_column", wraps=batch._column) as convert:
        (found,) = reader.read(partition)
    assert found.schema.names == ["z", "spectrum_id"]
    assert [call.args[0].name for call in convert.call_args_list] == ["z", "spectrum_id"]


def test_patterns_are_read_in_lists_too(spark: SparkSession, survey: Path) -> None:
    read = spark.read.format("galspec").schema("file string")
    patterns = [f"{survey}/spec-000[01].fits", f"{survey}/spec-000{{1,3}}.*"]
    assert {row.file[-6] for row in read.load(patterns).collect()} == {"0", "1", "3"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"path": "x", "header": "true"},
            "galspec has no option 'header' here; it has survey, rel",
        ),
        ({"path": "x", "PUSHFILTERS": "true"}, "galspec has no option 'PUSHFILTERS' here; it has"),
        (
            {"path": "x", "IgnoreCorruptFiles": "yes"},
            "ignoreCorruptFiles=yes: choose true or false",
        ),
        ({"path": "x", "survey": "SDSS"}, "survey=SDSS is no survey: choose sdss, lamost, desi"),
        ({"path": "x", "release": "../dr14"}, "release: .* is no name of a release"),
        ({"path": "x", "maxFilesPerTrigger": "0"}, "maxFilesPerTrigger=0: choose a whole number"),
        ({"release": "dr14"}, "galspec needs a path"),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        Options.of(options, OF_READ_STREAM)
    assert "\n" not in str(raised.value)


def test_what_the_user_sees_of_an_error_is_its_line(
    spark: SparkSession, survey: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.fits").write_bytes(b"no FITS")
    read = spark.read.format("galspec")
    for load in (
        lambda: spark.read.format("galspec").option("mode", "x").load(str(survey)),
        lambda: read.load(f"{survey}/none*").collect(),
        lambda: read.load(str(tmp_path)).collect(),
    ):
        with pytest.raises(PySparkException) as raised:
            load()
        text = str(raised.value)
        assert "UserError: " in text
        assert "Traceback" not in text
        assert "\tat " not in text


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
