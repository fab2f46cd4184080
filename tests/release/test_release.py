"""A release from files to catalogue, as the scheduled job does it."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark import SparkContext

from galspec_spark.catalog.read import read_catalog
from galspec_spark.config import Config
from galspec_spark.errors import UserError
from galspec_spark.harness.outcome import FAILED
from galspec_spark.release.stage import Release, run_release
from galspec_spark.simulate.survey import simulate
from galspec_spark.warehouse import frames
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.parts import Part
from galspec_spark.warehouse.tables import Warehouse
from tests.docs.notebooks import pictures, run_notebook, text_of
from tests.submit import ROOT, command, environment, submit

SPECTRA = 60


@pytest.fixture(scope="module")
def survey(spark, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    simulate(spark, Config.model_validate({"simulate": {"spectra": SPECTRA}}).simulate, folder)
    return folder


@pytest.fixture(scope="module")
def first(spark, survey, release_model, run_of, tmp_path_factory):
    """The release, done once; its folders and its summary."""
    root = tmp_path_factory.mktemp("first")
    logging.getLogger("galspec_spark").setLevel(logging.INFO)  # as jobs do
    release = Release("dr1", [str(survey)], Warehouse(root / "wh"), release_model, root / "out")
    return release, run_release(spark, run_of("release"), release)


def content(release: Release) -> dict:
    return json.loads((release.output / "run.json").read_text())


def test_every_step_is_done_and_recorded(spark, first):
    release, summary = first
    record = content(release)
    assert record["status"] in ("done", "attention")
    names = ["ingest", "preprocess", "measure", "classify", "drift", "verify", "queue", "report"]
    assert [step["name"] for step in record["steps"]] == names
    assert {step["state"] for step in record["steps"]} == {"done"}
    results = {step["name"]: step["result"] for step in record["steps"]}
    assert results["ingest"]["read"] == results["classify"]["spectra"] == SPECTRA
    assert results["verify"]["findings"] == []
    catalog = read_catalog(spark, release.warehouse, record["model"], "dr1")
    assert catalog.count() == SPECTRA
    assert summary["findings"] == results["drift"]["findings"]


def test_its_spectra_can_be_looked_at(first):
    release, _ = first
    text = (release.output / "spectra.html").read_text()
    columns = json.loads(text.partition('id="data">')[2].partition("</script>")[0])["columns"]
    assert len(set(columns["spectrum_id"])) == SPECTRA
    assert "<b>Simulated data.</b> These spectra were" in text  # as their files say
    assert 'href="spectra.html"' in (release.output / "report.html").read_text()


def test_the_notebook_draws_it(first, tmp_path):
    release, _ = first
    (tmp_path / "warehouse").symlink_to(release.warehouse.root.path)
    outputs = run_notebook("release_to_picture", tmp_path, RELEASE="dr1")
    counts = dict(re.findall(r"^(AGN|other|abstain) +(\d+)$", text_of(outputs), re.M))
    assert sum(map(int, counts.values())) == SPECTRA
    assert pictures(outputs) == 1


def test_logs_are_one_object_a_line(first):
    lines = [json.loads(line) for line in (first[0].output / "log.jsonl").read_text().splitlines()]
    assert {line["run_id"] for line in lines} == {content(first[0])["run_id"]}
    assert [line["message"] for line in lines if line["logger"].endswith("steps")] == [
        f"{step['name']}: done" for step in content(first[0])["steps"]
    ]
    assert all(line["time"].endswith("Z") for line in lines)
    steps = ["release", *(step["name"] for step in content(first[0])["steps"])]
    assert {line["step"] for line in lines} <= set(steps)
    ends = [line for line in lines if line["logger"].endswith("steps")]
    assert [line["step"] for line in ends] == steps[1:]


def test_a_rerun_skips_all_of_it(spark, first, run_of):
    release, _ = first
    before, run = content(release), run_of("release")
    summary = run_release(spark, run, release)
    assert {each.status for each in run.trail.outcomes} == {"skipped"}
    assert [each.step for each in run.trail.outcomes] == [each["name"] for each in before["steps"]]
    assert set(summary["steps"].values()) == {"skipped"}
    after = content(release)
    assert [s["result"] for s in after["steps"]] == [s["result"] for s in before["steps"]]
    assert after["status"] == before["status"]


def test_the_next_release_opens_nothing_of_the_first(
    spark, survey, first, run_of, tmp_path, monkeypatch
):
    """From ingest to report: the driver, and the tasks by what they are given to do.

    Of ``files`` and ``sample``, which have all releases in one folder, it reads narrow columns.
    """
    before, _ = first
    again = sorted(survey.rglob("spec-*.fits"))[:12]  # galaxies that the first release has, too
    (tmp_path / "in").mkdir()
    for file in again:
        shutil.copy(file, tmp_path / "in")
    warehouse = Warehouse(shutil.copytree(before.warehouse.root.path, tmp_path / "wh"))
    release = Release("dr2", [str(tmp_path / "in")], warehouse, before.model, tmp_path / "out")
    opened, given = watched(monkeypatch)
    run_release(spark, run_of("release"), release)
    of_first = "release=dr1/"
    assert not [path for path in opened if of_first in path]
    assert not [task for task in given if of_first in task]
    assert any("release=dr2/" in task for task in given)
    results = {step["name"]: step["result"] for step in content(release)["steps"]}
    assert results["ingest"]["read"] == results["measure"]["spectra"] == len(again)
    assert results["preprocess"]["spectra"] == SPECTRA + len(again)
    assert results["verify"]["findings"] == []
    assert results["verify"]["rows_of_spectra"] == len(again)


def watched(patches: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """Note what the driver opens, and what the tasks get."""
    opened: list[str] = []
    given: list[str] = []
    start, parallelize, frame = Part.__init__, SparkContext.parallelize, frames.frame_of_tasks

    def opening(part, place):
        opened.append(place.path)
        start(part, place)

    def giving(context, tasks, *args):
        given.extend(map(repr, tasks))
        return parallelize(context, tasks, *args)

    def giving_frame(session, work, tasks, schema):
        given.extend(map(repr, tasks))
        return frame(session, work, tasks, schema)

    patches.setattr(Part, "__init__", opening)
    patches.setattr(SparkContext, "parallelize", giving)
    patches.setattr(frames, "frame_of_tasks", giving_frame)
    return opened, given


def test_releases_do_not_overlap(spark, first, run_of):
    release, _ = first
    with (
        hold_lock(release.warehouse.root / "_release", "other"),
        pytest.raises(UserError, match=r"another job is writing to .*_release"),
    ):
        run_release(spark, run_of("release"), release)


def test_a_failure_names_the_step(spark, survey, release_model, run_of, tmp_path):
    release = Release(
        "dr1", [str(tmp_path / "none")], Warehouse(tmp_path / "wh"), release_model, tmp_path / "out"
    )
    run = run_of("release")
    with pytest.raises(UserError, match="none"):
        run_release(spark, run, release)
    (outcome,) = run.trail.outcomes
    assert (outcome.step, outcome.status, outcome.exit_code) == ("ingest", "failed", FAILED)
    record = content(release)
    assert record["status"] == "failed"
    assert [step["state"] for step in record["steps"]][:2] == ["failed", "waiting"]
    assert "none" in record["steps"][0]["error"]


def check_history(runs: Path, record: dict) -> None:
    """The killed run wrote nothing; the other has a row for each of its steps, and its own."""
    rows = pq.read_table(runs).to_pylist()
    assert {row["run_id"] for row in rows} == {record["run_id"]}
    states = {row["step"]: row["status"] for row in rows if row["step"] != "release"}
    assert [*states] == [step["name"] for step in record["steps"]]
    skipped = [step["name"] for step in record["steps"] if step["state"] == "skipped"]
    assert [name for name, status in states.items() if status == "skipped"] == skipped
    counts = {row["step"]: dict(row["counts"]) for row in rows}
    assert counts["classify"]["spectra"] == SPECTRA
    assert {(row["release"], row["model"]) for row in rows} == {("dr1", record["model"])}


def test_a_killed_job_run_again_ends_as_one_left_alone(
    spark, survey, first, release_model, tmp_path, monkeypatch
):
    """Through spark-submit, as a scheduler runs it, with a secret in the environment."""
    secret = "planted-9f3b"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    options = ["--input", str(survey), "--release", "dr1", "--warehouse", str(tmp_path / "wh")]
    options += ["--model", str(release_model), "--output", str(tmp_path / "out")]
    with subprocess.Popen(
        command(ROOT / "jobs/release.py", *options),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as job:
        run_json = tmp_path / "out" / "run.json"
        while not run_json.exists() or '"state": "done"' not in run_json.read_text():
            assert job.poll() is None
            time.sleep(0.05)
        os.killpg(job.pid, signal.SIGKILL)
    result = submit(ROOT / "jobs/release.py", *options, folder=tmp_path)
    expected = content(first[0])
    assert result.returncode == (3 if expected["status"] == "attention" else 0), result.stderr
    record = json.loads(run_json.read_text())
    assert record["status"] == expected["status"]
    check_history(tmp_path / "wh" / "runs", record)
    assert record["steps"][0]["state"] == "skipped"
    counts = [
        {key: each["result"].get(key) for key in ("classes", "flags", "left_out", "classified")}
        for each in record["steps"]
    ]
    assert counts == [
        {key: each["result"].get(key) for key in ("classes", "flags", "left_out", "classified")}
        for each in expected["steps"]
    ]
    written = [p for p in tmp_path.rglob("*") if p.suffix in (".json", ".jsonl", ".html", ".md")]
    assert len(written) >= 4
    for path in written:
        assert secret not in path.read_text()
    assert secret not in result.stdout + result.stderr
