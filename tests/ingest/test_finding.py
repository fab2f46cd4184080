"""Find files below a folder: each once, by one name, whatever else is there."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pytest

from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import accounts_near, changes, list_files
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import FILES
from galspec_spark.warehouse.tables import Warehouse


def names(*inputs: Path | str) -> list[str]:
    return list_files([str(name) for name in inputs]).files["path"].to_pylist()


def test_a_file_is_found_by_one_name_however_the_input_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = tmp_path / "survey"
    (survey / "in").mkdir(parents=True)
    (survey / "in/a.fits").touch()
    (survey / "in/up").symlink_to(survey)
    (tmp_path / "link").symlink_to(survey)
    (survey / "again").symlink_to(survey / "in")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    given = ["../survey", tmp_path / "link", f"{survey}//", survey.as_uri(), survey / "in/up/in"]
    for name in given:
        assert names(name) == [f"{survey}/in/a.fits"]
    assert names(*given, survey / "in/a.fits") == [f"{survey}/in/a.fits"]


def test_a_suffix_tells_a_fits_file_in_any_case_and_what_is_left_out_is_counted(
    tmp_path: Path,
) -> None:
    taken = [
        f"a{suffix}{packed}"
        for suffix in (".fits", ".FITS", ".fit", ".Fts")
        for packed in ("", ".gz", ".GZ", ".fz")
    ]
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/a.fits").touch()
    for name in (*taken, ".a.fits", ".fits", "b.csv", "c.CSV", "a.fits.bz2", "no suffix", "a.~1~"):
        (tmp_path / name).touch()
    listing = list_files([str(tmp_path), str(tmp_path)])
    assert listing.files["path"].to_pylist() == sorted(f"{tmp_path}/{name}" for name in taken)
    assert listing.left_out == {"hidden": 3, ".csv": 2, ".bz2": 1, "other": 2}


def test_an_input_without_fits_files_names_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "b.csv").touch()
    with pytest.raises(UserError, match=r"no FITS files \(.*\) in .*; left out: 1 \.csv"):
        list_files([str(tmp_path)])


def test_no_entry_stops_the_listing(tmp_path: Path) -> None:
    (tmp_path / "a.fits").write_bytes(b"a")
    (tmp_path / "loop.fits").symlink_to("loop.fits")
    raw = os.fsencode(tmp_path)
    folder = raw + b"/d\xe9"
    os.mkdir(folder)
    for name in (folder + b"/in.fits", raw + b"/latin\xe9.fits", raw + rb"/latin%E9.fits"):
        with open(name, "wb"):
            pass
    (tmp_path / "closed").mkdir()
    (tmp_path / "gone").mkdir()
    errors = {f"{tmp_path}/closed": PermissionError, f"{tmp_path}/gone": FileNotFoundError}
    scandir = os.scandir

    def guarded(folder: str) -> object:
        if folder in errors:
            raise errors[folder](0, "no")
        return scandir(folder)

    with patch("os.scandir", guarded):
        listing = list_files([str(tmp_path)])
    rows = {row["path"]: row["size"] for row in listing.files.to_pylist()}
    uri = tmp_path.as_uri()
    assert rows == {
        f"{tmp_path}/a.fits": 1,
        f"{tmp_path}/loop.fits": 0,
        f"{tmp_path}/latin%E9.fits": 0,
        f"{tmp_path}/closed": 0,
        f"{uri}/latin%E9.fits": 0,
        f"{uri}/d%E9/in.fits": 0,
    }


def test_a_folder_that_can_be_listed_again_is_no_longer_quarantined(tmp_path: Path) -> None:
    warehouse, survey = Warehouse(tmp_path / "warehouse"), tmp_path / "survey"
    (survey / "closed").mkdir(parents=True)
    accounts = {
        "path": [f"{survey}/closed", f"{tmp_path}/elsewhere"], "size": [0, 0], "mtime_ns": [0, 0],
        "status": ["quarantined"] * 2, "reason": ["unreadable"] * 2, "format": [None] * 2,
        "message": ["the folder cannot be listed"] * 2, "rows": [0, 0], "release": ["dr14"] * 2,
        "version": ["0"] * 2, "run_id": ["0"] * 2, "config_hash": ["0"] * 2,
    }  # fmt: skip
    with part_writer(warehouse.table("files") / "a.parquet", FILES) as writer:
        writer.write_table(pa.table(accounts, FILES))
    warehouse.mark_format()
    for name in ("a.fits", "closed/b.fits"):
        (survey / name).touch()
    listing = list_files([str(survey)])
    to_do = changes(listing, accounts_near(listing, warehouse), warehouse)
    assert to_do.new["path"].to_pylist() == [f"{survey}/a.fits", f"{survey}/closed/b.fits"]
    assert to_do.stale.to_pylist() == [f"{survey}/closed"]
