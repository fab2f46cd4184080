"""Every option of every job is checked like the configuration, before anything is done."""

from __future__ import annotations

import runpy
from argparse import Namespace
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from galspec_spark.errors import ConfigError, without_passwords
from galspec_spark.harness.outcome import WRONG_USAGE
from galspec_spark.jobs import simulate
from tests.submit import ROOT

#: What a job cannot do without.
NEEDED = {
    "drift": {"--release": "dr14"},
    "release": {"--release": "dr14"},
    "download": {"--plates": "266"},
}
WITH_RELEASE = ("ingest", "run", "release", "classify", "drift", "download")


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Start a job that has to refuse its options; return the line on stderr."""

    def start(job, *options):
        words = list(options)
        for name, value in NEEDED.get(job, {}).items():
            words += [] if name in options else [name, value]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", [f"{job}.py", *words])
        with pytest.raises(SystemExit) as leaving:
            runpy.run_path(str(ROOT / "jobs" / f"{job}.py"), run_name="__main__")
        assert leaving.value.code == WRONG_USAGE
        assert not list(Path(tmp_path).iterdir())
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return start


@pytest.mark.parametrize("name", ["a/b", "../../x", "..", "", " ", "a b", "x" * 65, "dr14\n"])
def test_a_release_is_a_name(refused, name):
    for job in WITH_RELEASE:
        assert "release" in refused(job, "--release", name)


@pytest.mark.parametrize(
    ("job", "option"),
    [
        ("classify", "--filter"), ("classify", "--model"), ("classify", "--output"),
        ("train", "--promote"), ("train", "--compare"), ("train", "--config"),
        ("run", "--input"), ("run", "--survey"), ("ingest", "--warehouse"),
        ("release", "--list"), ("download", "--base-url"), ("download", "--run2d"),
        ("verify", "--input"),
    ],
)  # fmt: skip
def test_empty_is_not_absent(refused, job, option):
    assert refused(job, option, "") == f"error: {option} is empty: give it a value, or leave it out"


@pytest.mark.parametrize(
    ("job", "options", "expected"),
    [
        ("simulate", ["--spectra", "0"], "--spectra: Input should be greater"),
        ("simulate", ["--spectra", ""], "--spectra: Input should be a valid integer"),
        ("simulate", ["--seed", "-1"], "--seed: Input should be greater"),
        ("verify", ["--seed", "many"], "--seed: Input should be a valid integer"),
        ("ingest", ["--set", "ingest.release="], "--set ingest.release: the value is empty"),
        ("simulate", ["--set", "simulate.like=#1"], "--set simulate.like: the value is empty"),
        ("simulate", ["--set", "simulate.like=''"], "simulate.like: String should match"),
        ("ingest", ["--set", "ingest.release=.."], "'..' is no name of a release"),
        ("ingest", ["--input", "a", "--input", "b"], "--input is there twice"),
        (
            "ingest",
            ["--input", "s3:/bucket/x"],
            "write s3://... for an address, ./s3:... for a path",
        ),
        ("ingest", ["--warehouse", "s3:///bucket/x"], "names no bucket: write s3://BUCKET"),
        ("train", ["--output", "s3://bucket/x"], "s3://bucket/x: here a local path is needed"),
        ("classify", ["--model", "s3://bucket/x"], "s3://bucket/x: here a local path is needed"),
        ("train", ["--set", "train.seed=-1"], "train.seed: Input should be greater"),
    ],
)
def test_an_option_is_checked_like_its_key(refused, job, options, expected):
    assert expected in refused(job, *options)


def test_a_survey_of_files_is_simulated_into_a_local_folder(run_of):
    with pytest.raises(ConfigError, match="s3://bucket/x: here a local path is needed"):
        simulate.work(MagicMock(), run_of(), Namespace(to="spec", output="s3://bucket/x"))


@pytest.mark.parametrize(
    "address",
    ["http://user:planted@host/x", "s3://key:planted@b/x", "s3:/key:planted@b", "http://planted@h"],
)
@pytest.mark.parametrize(
    ("job", "option"),
    [
        ("download", "--base-url"), ("release", "--base-url"), ("ingest", "--input"),
        ("train", "--output"), ("train", "--compare"), ("classify", "--model"), ("run", "--config"),
    ],
)  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_repeated(refused, job, option, address):
    line = refused(job, option, address)
    assert "planted" not in line
    assert line.startswith(f"error: {option} is an address with a user or password")


def test_no_text_has_the_password_of_an_address():
    text = "cannot open http://u:pl@nted/planted@host/x?token=planted: see s3://b/c"
    assert without_passwords(text) == "cannot open http://***@host/x?*** see s3://b/c"
    assert without_passwords("/a/b@c?d: it is no file") == "/a/b@c?d: it is no file"
