"""One real file of each kind through the whole ingest: read as astropy reads it, or rejected."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests import oracle

#: Format and rows, or the reason, of each file.
EXPECTED: dict[str, tuple[str, int] | str] = {
    "spec-0349-51699-0465.fits": ("sdss-spec", 1),
    "spec-0274-51913-0226.fits": ("sdss-spec", 1),
    "spec-0298-51955-0204.fits": ("sdss-spec", 1),
    "spec-0274-51913-0081.fits": ("sdss-spec", 1),
    "spec-2887-54495-0411.fits": ("sdss-spec", 1),
    "spec-3587-55182-0148.fits": ("sdss-spec", 1),
    "spec-0468-51912-0523.fits": ("sdss-spec", 1),
    "spec-10247-58162-0218.fits": ("sdss-spec", 1),
    "spec-7102-56666-0177.fits": ("sdss-spec", 1),
    "spec-4193-55476-0219.fits": ("sdss-spec", 1),
    "spec-1106-52912-0129.fits": ("sdss-spec", 1),
    "spec-7338-57859-0739.fits": ("sdss-spec", 1),
    "spec-10000-57346-0003.fits": ("sdss-spec", 1),
    "spec-1942-53415-0005.fits": ("sdss-spec", 1),
    "spec-7102-56666-0135.fits": ("sdss-spec", 1),
    "NGC3073_SDSS_DR18.fits": ("sdss-spec", 1),
    "spec-0266-51602-0001.fits": ("sdss-spec", 1),
    "spPlate-4055-55359-0020.fits": "truncated",  # its flux alone
    "spec-55859-F5902_sp01-001_dr7.fits.gz": ("lamost-lrs", 1),
    "spec-55859-F5902_sp01-013_dr8.fits.gz": ("lamost-lrs", 1),
    "spec-55862-B6212_sp06-003.fits": ("lamost-lrs", 1),
    "spec-58397-EG014118N254444M01_sp03-031.fits": ("lamost-lrs", 1),
    "med-58408-TD230151N343645T01_sp01-015.fits": "unsupported",
    "spDR2-017.fit": ("sdss-spspec", 1),
    "scaled_spec-0907-52373-0419.fits": "unknown_format",
    "g2336425-624856.ir.fits": "unsupported",
    "coadd-4-80613-thru20210324.fits": ("desi-coadd", 1),
    "redrock-4-80613-thru20210324.fits": ("desi-redrock", 0),
}


@pytest.fixture(scope="module")
def warehouse(
    spark: SparkSession, real_formats: Path, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """A warehouse made from the real files. Read it only."""
    warehouse = Warehouse(tmp_path_factory.mktemp("formats"))
    run = Run.start("ingest", Config())
    summary = ingest(spark, run, [str(real_formats)], warehouse, "mixed")
    assert summary["files"] == len(EXPECTED) == summary["read"] + summary["quarantined"]
    return warehouse


def rows_of(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    """Return all rows of a table as they are in its Parquet parts, arrays as numpy arrays."""
    parts = [(part, open_part(part).read()) for part in warehouse.parts(table)]
    rows = []
    for part, content in parts:
        survey = part.path.partition("survey=")[2].partition("/")[0]
        for row in content.to_pylist():
            rows.append(row | {"survey": survey})
    for row in rows:
        for name, value in row.items():
            if isinstance(value, list):
                row[name] = np.array(value, "f4" if name in ("flux", "ivar") else "i4")
    return rows


def test_the_table_of_the_folder_is_complete(real_formats: Path) -> None:
    with (real_formats / "README.csv").open() as readme:
        assert {row["file"] for row in csv.DictReader(readme)} == EXPECTED.keys()


def test_every_file_lands_as_its_kind_says(warehouse: Warehouse) -> None:
    found = {}
    for row in rows_of(warehouse, "files"):
        read = row["status"] == "read"
        found[Path(row["path"]).name] = (row["format"], row["rows"]) if read else row["reason"]
        assert (row["message"] is None) == read
    assert found == EXPECTED


def test_every_column_in_the_warehouse_equals_astropys(
    warehouse: Warehouse, real_formats: Path
) -> None:
    contents = {path.name: path.read_bytes() for path in real_formats.glob("*.fit*")}
    by_file: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(warehouse, "spectra"):
        prefix = f"{row['survey']}-mixed-"
        assert row["spectrum_id"].startswith(prefix)
        row["key"] = row["spectrum_id"].removeprefix(prefix)
        by_file.setdefault(Path(row["file"]).name, []).append(row)
    compared = 0
    for name, expected in EXPECTED.items():
        if isinstance(expected, str) or not expected[1]:
            assert name not in by_file
            continue
        theirs = oracle.spectra(expected[0], contents[name], name, contents)
        assert not oracle.differences(by_file[name], theirs), name
        compared += len(theirs)
    assert compared == 23


def test_what_a_survey_lacks_is_null(warehouse: Warehouse) -> None:
    """And NaN, which stands for what was not measured, is nowhere but in pixels."""
    null = {}
    for part in warehouse.parts("spectra"):
        table = open_part(part).read()
        for name in table.column_names:
            column = table[name]
            if pa.types.is_floating(column.type):
                assert not np.isnan(column.drop_null().to_numpy()).any()
        survey = part.path.partition("survey=")[2].partition("/")[0]
        empty = {name for name in table.column_names if table[name].null_count == len(table)}
        null[survey] = null.get(survey, empty) & empty
    assert null["sdss"] == {"field", "target_id"}
    lines = {name for name in null["lamost"] if name.endswith(("_area", "_ew", "_sigma", "_err"))}
    lines.discard("z_err")
    assert null["lamost"] - lines == {"plate", "target_id", "zwarning", "sn_median"}
    assert null["desi"] - lines == {"plate", "mjd", "subclass", "sn_median", "and_mask", "or_mask"}
