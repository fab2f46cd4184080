"""Simulated releases, classified: one with everything, and one whose spectra were all left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from pydantic_core import to_jsonable_python

from galspec_spark.catalog.stage import classify
from galspec_spark.harness.record import RunRecord
from galspec_spark.harness.run import Summary
from galspec_spark.ml.model.bundle import Bundle, load_bundle
from galspec_spark.ml.model.drift import Drift
from galspec_spark.queue.stage import inspection_queue
from galspec_spark.release.drift import drift
from galspec_spark.report.release.contents import ReleaseReport
from galspec_spark.report.release.html import gather, write_report
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import FILES, SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import draw, leave_out, with_sky, write_release

LINES = ("nii_6583", "h_alpha", "oiii_5007", "h_beta")
#: Paths may be longer than a phone is wide.
LONG = "/in/" + "/".join(["a-long-folder-without-a-space"] * 9) + ".txt"
#: Rows of `files`: path, status, reason, rows, release.
INPUTS = (
    ("/in/a.fits", "read", None, 300, "dr1"),
    ("/in/b.fits", "read", None, 100, "dr1"),
    *((f"/in/bad{n}.fits", "quarantined", "truncated", 0, "dr1") for n in range(5)),
    (LONG, "quarantined", "not_fits", 0, "dr1"),
    ("/in/other.fits", "read", None, 999, "dr0"),
    ("/in/other-bad.fits", "quarantined", "empty", 0, "dr0"),
)


@pytest.fixture(scope="session")
def bundle(spark, release_model) -> Bundle:
    return load_bundle(release_model)


@pytest.fixture(scope="session")
def classified(spark, release_model, run_of, tmp_path_factory) -> Path:
    """The root of a warehouse; ``dr1`` has sky spectra, ``dr2`` no class at all. Read it only."""
    root = tmp_path_factory.mktemp("report")
    first = leave_out(draw(21, 400, with_sky), 30, "zwarning")
    write_release(root, "dr1", first)
    write_release(root, "dr2", leave_out(draw(22, 20), 20, "coverage"))
    classify(spark, run_of("classify"), Warehouse(root), release_model, None)
    write(root, "files/files.parquet", FILES, files_table())
    lines = "spectra/survey=simulated/release=dr1/lines.parquet"
    write(root, lines, SPECTRA, lines_table(first["spectrum_id"].to_pylist()))
    return root


def write(root: Path, place: str, schema: pa.Schema, rows: pd.DataFrame) -> None:
    """Write a part that has some of a table's columns."""
    narrow = pa.schema([field for field in schema if field.name in rows.columns])
    with part_writer(Location.of(root / place), narrow) as writer:
        writer.write_table(pa.Table.from_pandas(rows, narrow))


def files_table() -> pd.DataFrame:
    rows = pd.DataFrame(INPUTS, columns=["path", "status", "reason", "rows", "release"])
    return rows.assign(size=1, mtime_ns=1, message=rows["reason"])


def lines_table(ids: list[str]) -> pd.DataFrame:
    """Return lines of spectra: some not detected, one not fitted, one read from two files."""
    random = np.random.default_rng(5)
    areas = random.lognormal(3, 0.8, (len(ids), len(LINES)))
    rows = pd.DataFrame(areas, columns=[f"{line}_area" for line in LINES]).astype(np.float32)
    for line in LINES:
        rows[f"{line}_area_err"] = np.float32(2)
    rows.loc[len(ids) - 1, "h_beta_area_err"] = -1
    rows = rows.assign(spectrum_id=ids, run_id="ingest-1")
    return pd.concat([rows, rows.iloc[[100]]], ignore_index=True)


@pytest.fixture(scope="session")
def report_of(spark, bundle, classified, release_model, run_of, tmp_path_factory):
    """Gather the report of a release of the warehouse."""

    @cache
    def make(release: str) -> ReleaseReport:
        output = tmp_path_factory.mktemp("drift")
        warehouse = Warehouse(classified)
        found = drift(run_of(), warehouse, release_model, release, output)
        content = Drift.model_validate_json((output / "drift.json").read_bytes())
        queue = inspection_queue(run_of(), warehouse, bundle, release, 50)
        return gather(spark, warehouse, bundle, release, run_record(release, found), content, queue)

    return make


def run_record(release: str, drift: Summary) -> RunRecord:
    """Return what is recorded before the report."""
    ingest = {"run_id": "ingest-2", "files": 8}
    finding = {
        "finding": "same_spectrum", "table": "spectra", "count": 7, "meaning": "read twice",
        "example": "e", "remedy": "none",
    }  # fmt: skip
    verified = {"findings": [finding], "files_compared": 8}
    content = {
        "job": "release",
        "release": release,
        "model": "0123456789ab",
        "version": "0.1.0",
        "run_id": "20260131T120000-1f3a",
        "config_hash": "0123456789ab",
        "command": "galspec release --release dr1",
        "inputs": ["/in"],
        "warehouse": "/warehouse",
        "started": "2026-01-31T12:00:00Z",
        "status": "running",
        "steps": [
            {"name": "ingest", "state": "skipped", "seconds": 0.1, "result": ingest},
            {"name": "drift", "state": "done", "seconds": 2.5, "result": to_jsonable_python(drift)},
            {"name": "verify", "state": "done", "seconds": 61.0, "result": verified},
            {"name": "report", "state": "running"},
        ],
    }
    return RunRecord.model_validate(content)


@pytest.fixture(scope="session")
def release_report(report_of) -> ReleaseReport:
    """The report of the release that has everything."""
    return report_of("dr1")


@pytest.fixture(scope="session")
def written(tmp_path_factory, release_report: ReleaseReport) -> Path:
    """Its page."""
    return write_report(tmp_path_factory.mktemp("page"), release_report)


@pytest.fixture(scope="session")
def catalog(classified) -> pd.DataFrame:
    """The catalogue of that release, read without Spark."""
    rows = ds.dataset(classified / "catalog", partitioning="hive").to_table().to_pandas()
    return rows[rows["release"] == "dr1"].reset_index(drop=True)
