"""A release that is delivered again is what is there now, and a missing disk empties none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.ingest.vanished import vanished_files
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files

RunOf = Callable[..., Run]
MADE_NOW = ["version", "run_id", "config_hash"]


def rows(warehouse: Warehouse, table: str, key: str) -> str:
    """Return what the files determine of a table, as one text: NaN equals NaN."""
    parts = [open_part(part).read().drop_columns(MADE_NOW) for part in warehouse.parts(table)]
    return str(pa.concat_tables(parts).sort_by(key).to_pylist())


def test_a_release_delivered_again_equals_a_fresh_ingest(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    incoming, warehouse = tmp_path / "incoming", Warehouse(tmp_path / "warehouse")
    for seed in range(4):
        spec_files.write(incoming / "dr1", seed)
    other = spec_files.write(tmp_path / "other", 9)
    ingest(spark, run_of(), [str(other)], warehouse, "dr0")
    folder = [str(incoming / "dr1")]
    ingest(spark, run_of(), folder, warehouse, "dr1", is_whole=True)

    (incoming / "dr1/spec-0001.fits").unlink()
    spec_files.write(incoming / "dr1", 2, SUBCLASS="AGN")
    spec_files.write(incoming / "dr1", 5)
    other.unlink()  # of another release: its rows stay
    summary = ingest(spark, run_of(), folder, warehouse, "dr1", is_whole=True)
    counts = {name: summary[name] for name in ("read", "skipped", "replaced", "vanished")}
    assert counts == {"read": 2, "skipped": 2, "replaced": 1, "vanished": 1}

    fresh = Warehouse(tmp_path / "fresh")
    spec_files.write(tmp_path / "other", 9)
    ingest(spark, run_of(), [str(other)], fresh, "dr0")
    ingest(spark, run_of(), folder, fresh, "dr1")
    assert rows(warehouse, "spectra", "spectrum_id") == rows(fresh, "spectra", "spectrum_id")
    paths = [
        [open_part(p).read(["path", "rows"]) for p in w.parts("files")] for w in (warehouse, fresh)
    ]
    assert pa.concat_tables(paths[0]).sort_by("path") == pa.concat_tables(paths[1]).sort_by("path")

    again = ingest(spark, run_of(), folder, warehouse, "dr1", is_whole=True)
    assert (again["read"], again["replaced"], again["vanished"]) == (0, 0, 0)


def test_too_many_vanished_files_change_nothing_unless_allowed(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    files = [spec_files.write(survey, seed) for seed in range(3)]
    ingest(spark, run_of(), [str(survey)], warehouse, "dr1", is_whole=True)
    for file in files[1:]:
        file.unlink()
    before = warehouse.parts("spectra")
    with pytest.raises(UserError, match=r"2 of the 3 files of release dr1 vanished.*vanished_max"):
        ingest(spark, run_of(), [str(survey)], warehouse, "dr1", is_whole=True)
    assert warehouse.parts("spectra") == before
    # An input that is no whole release never takes rows away.
    assert ingest(spark, run_of(), [str(survey)], warehouse, "dr1")["vanished"] == 0
    assert warehouse.parts("spectra") == before
    asked = run_of(ingest={"vanished_max": 1})
    summary = ingest(spark, asked, [str(survey)], warehouse, "dr1", is_whole=True)
    assert (summary["read"], summary["vanished"], summary["warehouse"]["spectra"]) == (0, 2, 1)


def test_what_a_folder_that_cannot_be_listed_holds_has_not_vanished() -> None:
    before = pa.table(
        {"path": ["/a/1.fits", "/a/sub/2.fits", "/a/subs/3.fits"], "release": ["d", "d", "d"]}
    )
    listed = pa.table({"path": ["/a/1.fits", "/a/sub"], "size": [9, 0], "mtime_ns": [7, 0]})
    folders = pa.array(["/a"], pa.string())
    assert vanished_files(before, listed, folders, "d").to_pylist() == ["/a/subs/3.fits"]
    assert len(vanished_files(before, listed, folders, None)) == 0
