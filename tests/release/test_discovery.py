"""A folder of releases: which are done, in which order, and what a failure leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from galspec_spark.config import Config
from galspec_spark.errors import ConfigError, NothingRead, UserError
from galspec_spark.release import discovery
from galspec_spark.release.discovery import Discovery, discover_releases, find_releases
from galspec_spark.simulate.survey import simulate
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.releases import parts_of_release
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.submit import run_here


@pytest.fixture
def folder(tmp_path) -> Discovery:
    """Three releases, a folder that is none yet, and a delivery under way."""
    incoming = tmp_path / "incoming"
    for seed, name in enumerate(("dr10", "dr9", "dr8", ".dr11")):
        spec_files.write(incoming / name, seed)
    (incoming / "later").mkdir()
    (incoming / "README").touch()
    return Discovery(
        str(incoming), Warehouse(tmp_path / "wh"), tmp_path / "model", tmp_path / "out"
    )


@pytest.fixture
def done(monkeypatch) -> list[str]:
    """Only note what would be done; a release of a name in ``FAILS`` fails."""
    names: list[str] = []

    def run_release(spark, run, release):
        assert run.config.ingest.release == release.name
        assert release.is_whole
        names.append(release.name)
        if release.name == "dr9" and names.count("dr9") == 1:
            raise NothingRead("none of the files can be read", {"read": 0})
        return {"findings": ["x"], "found": ["z has drifted"]}

    monkeypatch.setattr(discovery, "run_release", run_release)
    return names


def record(found: Discovery) -> dict:
    return json.loads((found.output / "discovery.json").read_text())


def test_releases_come_in_the_natural_order_of_their_names(folder):
    found = find_releases(folder)
    assert [release.name for release in found] == ["dr8", "dr9", "dr10"]
    assert {release.why for release in found} == {"1 files to read"}


def test_the_first_failure_stops_it_and_names_what_is_left(folder, done, run_of):
    with pytest.raises(NothingRead, match=r"release dr9: none of .* can be read; .* left: dr10"):
        discover_releases(None, run_of("release"), folder)
    assert done == ["dr8", "dr9"]
    written = record(folder)
    assert written["status"] == "failed"
    assert [release["state"] for release in written["releases"]] == [
        *("attention", "failed", "waiting")
    ]
    assert "can be read" in written["releases"][1]["error"]
    summary = discover_releases(None, run_of("release"), folder)
    assert (summary["done_now"], list(summary["findings"])) == (
        "dr8, dr9, dr10",
        ["dr8", "dr9", "dr10"],
    )
    assert summary["found"][0] == "dr8: z has drifted"
    assert record(folder)["status"] == "attention"


def test_a_folder_whose_name_is_no_release_is_told(folder):
    spec_files.write(Path(folder.folder) / "lost+found", 5)
    with pytest.raises(ConfigError, match=r"--discover: 'lost\+found' is no name of a release"):
        find_releases(folder)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="is no folder: --discover takes"):
        find_releases(Discovery(str(tmp_path / "x"), Warehouse(tmp_path), tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--release", "dr1"], 2), (["--input", "survey"], 2), (["--list", "a.csv"], 2), ([], 0)],
)
def test_the_command_takes_it_alone(spark, tmp_path, options, code, capsys):
    (tmp_path / "incoming").mkdir()
    given = ["--discover", f"{tmp_path}/incoming", "--warehouse", f"{tmp_path}/wh", *options]
    assert run_here(spark, "release", *given, "--output", f"{tmp_path}/out") == code
    printed = capsys.readouterr()
    assert ("nothing: 0 releases known" in printed.out) == (code == 0)
    assert len(printed.err.strip().splitlines()) == (code == 2)


def test_what_is_new_is_done_and_what_vanished_goes_from_every_table(
    spark, release_model, run_of, tmp_path
):
    survey, incoming = tmp_path / "survey", tmp_path / "incoming"
    simulate(spark, Config.model_validate({"simulate": {"spectra": 24}}).simulate, survey)
    files = sorted(survey.rglob("spec-*.fits"))
    for name, chosen in (("day1", files[::2]), ("day2", files[1::2])):
        (incoming / name).mkdir(parents=True)
        for file in chosen:
            shutil.copy(file, incoming / name)
    warehouse = Warehouse(tmp_path / "wh")
    given = Discovery(str(incoming), warehouse, release_model, tmp_path / "out")
    run = run_of("release")
    assert discover_releases(spark, run, given)["done_now"] == "day1, day2"
    steps = [(run.trail.release_of(step), step.step) for step in run.trail.outcomes]
    assert {release for release, _ in steps} == {"day1", "day2"}
    assert len(steps) == len(set(steps))
    nothing = discover_releases(spark, run_of("release"), given)
    assert nothing["done_now"] == "nothing: 2 releases known, none changed"

    gone = sorted((incoming / "day1").iterdir())[:3]
    for file in gone:
        file.unlink()
    again = discover_releases(spark, run_of("release"), given)
    assert (again["done_now"], again["releases"]["day2"]) == ("day1", "known")
    run_json = json.loads((tmp_path / "out/day1/run.json").read_text())
    results = {step["name"]: step["result"] for step in run_json["steps"]}
    assert results["ingest"]["vanished"] == 3
    assert results["verify"]["findings"] == []
    left = {file.name for file in (incoming / "day1").iterdir()}
    spectra = rows(warehouse, "spectra", ["spectrum_id", "file"])
    assert {row["file"].rpartition("/")[2] for row in spectra} == left
    ids = sorted(row["spectrum_id"] for row in spectra)
    assert len(ids) == len(left)
    for table in ("restframe", "lines", "catalog"):
        assert sorted(r["spectrum_id"] for r in rows(warehouse, table, ["spectrum_id"])) == ids


def rows(warehouse: Warehouse, table: str, columns: list[str]) -> list[dict[str, str]]:
    parts = parts_of_release(warehouse.parts(table), "day1")
    return [row for part in parts for row in open_part(part).read(columns).to_pylist()]
