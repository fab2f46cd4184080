from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lsdb
import pandas as pd
import pytest
from astropy.table import Table
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.export.columns import CATALOGUE
from galspec_spark.export.export import NAMES, export
from tests.export.catalogue import PROVENANCE, ROWS
from tests.export.conftest import Exported


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_summary_names_rows_and_files(exported: Exported) -> None:
    assert exported.summary["rows"] == ROWS
    assert set(exported.summary["files"]) == set(NAMES)
    assert all(Path(path).exists() for path in exported.summary["files"].values())
    assert {path.name for path in exported.folder.iterdir()} == set(NAMES.values())


def test_same_bytes_however_the_rows_are_divided(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    shuffled = exported.catalog.repartition(3, F.rand(1))
    export(spark, shuffled, list(NAMES), None, tmp_path, PROVENANCE, with_training=True)
    assert contents(tmp_path) == contents(exported.folder)


def test_filter_chooses_rows_and_an_export_replaces_an_earlier_one(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    (tmp_path / ".export" / "killed").mkdir(parents=True)
    export(
        spark,
        exported.without_lines,
        ["hats", "csv"],
        None,
        tmp_path,
        PROVENANCE,
        with_training=True,
    )
    where = "class = 'AGN'\n AND probability > 0.5"
    summary = export(
        spark,
        exported.without_lines,
        ["hats", "csv"],
        where,
        tmp_path,
        PROVENANCE,
        with_training=True,
    )
    expected = [
        row["spectrum_id"]
        for row in exported.rows
        if row["class"] == "AGN" and row["probability"] > 0.5
    ]
    assert 0 < len(expected) < ROWS
    assert pd.read_csv(tmp_path / "catalog.csv")["spectrum_id"].tolist() == expected
    assert len(lsdb.open_catalog(tmp_path / "hats").compute()) == summary["rows"] == len(expected)
    columns = lsdb.open_catalog(tmp_path / "hats").columns
    assert set(columns) == set(CATALOGUE.described) - {"healpix29"}
    assert {path.name for path in tmp_path.iterdir()} == {"hats", "catalog.csv"}
    properties = (tmp_path / "hats" / "hats.properties").read_text()
    assert "galspec_filter=class = 'AGN' AND probability > 0.5\n" in properties


def test_the_training_set_is_left_out_unless_asked_for(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    """Every fourth of the rows is of an object that the model learned from."""
    is_training = F.col("spectrum_id").rlike("-2?[0-9]?[048]-51602")
    flags = F.when(is_training, F.col("flags").bitwiseOR(128)).otherwise(F.col("flags"))
    catalog = exported.without_lines.withColumn("flags", flags)
    training = {row.spectrum_id for row in catalog.where("flags & 128 != 0").collect()}
    agn = {row["spectrum_id"] for row in exported.rows if row["class"] == "AGN"}
    assert 0 < len(training & agn) < len(agn)
    for with_training, expected in ((False, agn - training), (True, agn)):
        summary = export(
            spark, catalog, ["csv"], "class = 'AGN'", tmp_path, PROVENANCE,
            with_training=with_training,
        )  # fmt: skip
        assert set(pd.read_csv(tmp_path / "catalog.csv")["spectrum_id"]) == expected
        left_out = len(agn) - len(expected)
        assert summary["training_rows_left_out"] == left_out


def test_filter_takes_lines(spark: SparkSession, exported: Exported, tmp_path: Path) -> None:
    where = "formula_broadline AND oiii_5007_ew > 0.5"
    export(spark, exported.catalog, ["csv"], where, tmp_path, PROVENANCE, with_training=True)
    expected = [
        row["spectrum_id"]
        for row in exported.rows
        if row["formula_broadline"] and (row["oiii_5007_ew"] or 0) > 0.5
    ]
    assert expected
    assert pd.read_csv(tmp_path / "catalog.csv")["spectrum_id"].tolist() == expected
    with pytest.raises(UserError, match=r"config_hash and those of the table lines\)$"):
        export(
            spark,
            exported.catalog,
            ["csv"],
            "oiii_ew > 1",
            tmp_path,
            PROVENANCE,
            with_training=True,
        )


def test_no_rows_are_an_empty_table(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    export(
        spark,
        exported.without_lines,
        list(NAMES),
        "z > 9",
        tmp_path,
        PROVENANCE,
        with_training=True,
    )
    for name in ("catalog.fits", "catalog.vot"):
        table = Table.read(tmp_path / name)
        assert (len(table), table.colnames) == (0, list(CATALOGUE.described))
    assert 'arraysize="1"' not in (tmp_path / "catalog.vot").read_text()  # deprecated
    assert pd.read_csv(tmp_path / "catalog.csv").empty
    assert lsdb.open_catalog(tmp_path / "hats").compute().empty


@pytest.fixture
def compiled(spark: SparkSession) -> Iterator[None]:
    """Have Spark compile expressions, as outside the tests: its errors are others."""
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    yield
    spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")


@pytest.mark.parametrize(
    ("where", "cause"),
    [
        ("klass = 'AGN'", "klass"),
        ("class =", "Syntax error"),
        ("probability", "not a boolean"),
        ("class > 0.9", "'AGN'|'other'|'abstain'"),  # found when it is evaluated
        ("z / 0 > 1", "Division by zero"),
        ("sum(z) > 1", "invalid expressions"),
        ("z > 0; DROP TABLE x", "Syntax error"),
        ("z > 1) OR (z < 1", "Syntax error"),
        ("class RLIKE '['", "'\\['"),
        ("class RLIKE substr('[[[', 1, 1 + cast(z AS int))", "Unclosed character class"),
        ("healpix29 * 9223372036854775807 > 0", "ARITHMETIC_OVERFLOW"),
        ("features[99] > 1", "out of bounds"),
        ("if(z > 0, raise_error('no'), true)", "USER_RAISED_EXCEPTION"),
        ("format_string('%q', class) = 'x'", "Conversion = 'q'"),
        ("(" * 3000 + "true" + ")" * 3000, "StackOverflowError"),
    ],
)
@pytest.mark.usefixtures("compiled")
def test_wrong_filter_is_one_line_that_names_the_columns(
    spark: SparkSession, exported: Exported, tmp_path: Path, where: str, cause: str
) -> None:
    with pytest.raises(UserError, match=cause) as error:
        export(
            spark, exported.without_lines, ["csv"], where, tmp_path, PROVENANCE, with_training=True
        )
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(f"(columns: {', '.join(CATALOGUE.described)})")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "where",
    [
        "z IN (SELECT 1)",
        "rand() > 0.5",
        "current_date() > '2026-01-01'",
        "reflect('java.lang.System', 'nanoTime') > 1",
        "class = 'AGN' nonsense",
        "class = 'AGN' LIMIT",
        "class = 'AGN' AS agn",
        "struct(z > 1 nonsense).nonsense",
        "class = 'AGN' -- AND z < 0.1",
        "class = 'AGN' /* AND z < 0.1 */",
        "class = '${env:PLANTED}'",
        "z > ${planted}",
    ],
)
def test_filter_is_a_plain_condition(
    spark: SparkSession,
    exported: Exported,
    tmp_path: Path,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANTED", "a secret")
    with pytest.raises(UserError, match="is not allowed") as error:
        export(
            spark, exported.without_lines, ["csv"], where, tmp_path, PROVENANCE, with_training=True
        )
    assert "secret" not in str(error.value)


def test_quoted_text_is_no_comment(spark: SparkSession, exported: Exported, tmp_path: Path) -> None:
    where = "class <> 'a -- \\' /* é' AND z - -1 > 0"
    assert export(
        spark, exported.without_lines, list(NAMES), where, tmp_path, PROVENANCE, with_training=True
    )["rows"]


def test_unknown_format_is_an_error(
    spark: SparkSession, exported: Exported, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="'xlsx': known are fits, votable, hats, hats-spectra, csv"):
        export(
            spark,
            exported.without_lines,
            ["csv", "xlsx"],
            None,
            tmp_path,
            PROVENANCE,
            with_training=True,
        )


@pytest.mark.parametrize("name", ["fits", "votable"])
def test_failed_export_changes_nothing(
    spark: SparkSession, exported: Exported, tmp_path: Path, name: str
) -> None:
    (tmp_path / "catalog.csv").write_text("earlier")
    catalog = exported.without_lines.withColumn("release", F.lit("dr-é"))
    with pytest.raises(UserError, match="column release has text that is not ASCII"):
        export(spark, catalog, ["csv", name], None, tmp_path, PROVENANCE, with_training=True)
    assert contents(tmp_path) == {"catalog.csv": b"earlier"}
