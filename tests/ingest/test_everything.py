"""A folder with one of everything: each entry is accounted for, and nothing stops the rest."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from galspec_spark.harness import outcome
from galspec_spark.harness.run import Run
from galspec_spark.ingest.listing import Listing, list_files
from galspec_spark.ingest.stage import ingest
from galspec_spark.verify.rows import status_now
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.submit import run_here

RunOf = Callable[..., Run]

#: Names of files that are read, whatever they look like.
READ = (
    "a.fits", "b.FITS", "c.fit", "d.FIT", "e.fts", "f.Fts", "g.fits.gz", "h.FITS.GZ", "i.fit.gz",
    "j.fts.gz", "dü/été 1.fits", "two  blanks .fits", "x=1/y=2.fits", "%20.fits", "#.fits",
    "what?.fits", "*.fits", "[ab].fits", "'\".fits", "back\\slash.fits", "new\nline.fits",
    "latin%E9.fits", "-v.fits", "$HOME.fits", "folder.fits/in.fits",
)  # fmt: skip
#: Names of entries that cannot be read, and the reason.
QUARANTINED = {
    "pipe.fits": "not_a_file",
    "zero.fits": "not_a_file",
    "loop.fits": "unreadable",
    "dangling.fits": "unreadable",
    "vanishes.fits": "unreadable",
    "grows.fits": "changed",
    "empty.fits": "empty",
}
LEFT_OUT = {"hidden": 2, ".csv": 1, ".bz2": 1, "other": 1}


def write_everything(folder: Path) -> None:
    spectra = [spec_files.write(folder.parent / "made", seed) for seed in range(len(READ) + 1)]
    for name, made in zip(READ, spectra[1:], strict=True):
        content = made.read_bytes()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        packed = name.lower().endswith(".gz")
        (folder / name).write_bytes(gzip.compress(content) if packed else content)
    whole = spectra[0].read_bytes()
    raw = os.fsencode(folder)
    os.mkdir(raw + b"/d\xe9")
    for name in (b"/latin\xe9.fits", b"/d\xe9/in.fits"):
        with open(raw + name, "wb") as file:
            file.write(whole)
    os.mkfifo(folder / "pipe.fits")
    (folder / "zero.fits").symlink_to("/dev/zero")
    (folder / "loop.fits").symlink_to("loop.fits")
    (folder / "dangling.fits").symlink_to("nowhere.fits")
    (folder / "link").symlink_to(folder / "x=1")
    (folder / "up").symlink_to(folder)
    (folder / ".hidden").mkdir()
    for name in ("vanishes.fits", "grows.fits", ".hidden/a.fits", ".a.fits", "a.fits.bz2"):
        (folder / name).write_bytes(whole)
    for name in ("empty.fits", "index.csv", "README"):
        (folder / name).touch()


def test_a_folder_with_one_of_everything(
    spark: SparkSession, tmp_path: Path, run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    write_everything(survey)

    def list_then_change(inputs: Sequence[str]) -> Listing:
        listing = list_files(inputs)
        (survey / "vanishes.fits").unlink()
        with (survey / "grows.fits").open("ab") as file:
            file.write(bytes(2880))
        return listing

    monkeypatch.setattr("galspec_spark.ingest.stage.list_files", list_then_change)
    summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    expected = {f"{survey}/{name}": "read" for name in READ}
    expected |= {f"{survey}/{name}": reason for name, reason in QUARANTINED.items()}
    uri = survey.as_uri()
    expected |= dict.fromkeys((f"{uri}/latin%E9.fits", f"{uri}/d%E9/in.fits"), "bad_name")
    files = [row for part in warehouse.parts("files") for row in open_part(part).read().to_pylist()]
    assert {row["path"]: row["reason"] or row["status"] for row in files} == expected
    assert len(files) == len(expected) == summary["files"]
    assert (summary["read"], summary["spectra"]) == (len(READ), len(READ))
    assert summary["reasons"] == Counter(r for r in expected.values() if r != "read")
    assert summary["left_out"] == sum(LEFT_OUT.values())
    assert summary["left_out_by_suffix"] == LEFT_OUT
    spectra = [open_part(part).read(["file"])["file"] for part in warehouse.parts("spectra")]
    assert sorted(path for column in spectra for path in column.to_pylist()) == sorted(
        f"{survey}/{name}" for name in READ
    )

    monkeypatch.undo()
    again = ingest(spark, run_of(), [f"{survey}/up/"], warehouse, "dr14")
    assert (again["read"], again["reasons"]) == (1, {"unreadable": 2})  # it has grown to its end
    assert again["files"] == summary["files"] - 1  # without the one that vanished
    unnamed = [row for row in files if row["reason"] == "bad_name"]  # as verify finds them
    assert all(status_now(r["path"])[1:] == (r["size"], r["mtime_ns"]) == (0, 0) for r in unnamed)


def test_files_of_another_release_are_told(
    spark: SparkSession, tmp_path: Path, run_of: RunOf, caplog: pytest.LogCaptureFixture
) -> None:
    survey, warehouse = tmp_path / "survey", Warehouse(tmp_path / "warehouse")
    spec_files.write_survey(survey)
    ingest(spark, run_of(), [str(survey)], warehouse, "dr14")
    spec_files.write(survey, 5)
    with caplog.at_level("WARNING"):
        summary = ingest(spark, run_of(), [str(survey)], warehouse, "dr16")
    assert (summary["read"], summary["skipped_of_release"]) == (1, {"dr14": 4})
    assert "4 files are skipped: they are ingested already as release dr14" in caplog.text


def test_nothing_but_quarantined_files_is_no_success(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survey, root = tmp_path / "survey", tmp_path / "warehouse"
    survey.mkdir()
    (survey / "a.fits").write_text("not FITS")
    (survey / "b.fits").touch()
    options = ["--input", str(survey), "--warehouse", str(root)]
    for skipped in (0, 2):
        assert run_here(spark, "ingest", *options) == outcome.NOTHING_READ == 4
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("error: none of the 2 files can be read (1 ")
        assert line.endswith(f"the table {root}/files says why of each")
        summary = json.loads((root / "summary.json").read_text())["ingest"]
        assert (summary["status"], summary["skipped"]) == ("failed", skipped)
    spec_files.write(survey, 0)
    assert run_here(spark, "ingest", *options) == outcome.DONE
