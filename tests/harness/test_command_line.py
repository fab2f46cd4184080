"""The command line in reports: what was typed, without secrets."""

from __future__ import annotations

import shlex

import pytest

from galspec_spark.harness.command_line import command_line


def test_options_are_as_given() -> None:
    options = ["--config", "demo", "--set", "simulate.spectra=400", "--input", "my spectra"]
    found = command_line("galspec run", options)
    assert shlex.split(found) == ["galspec", "run", *options]
    assert command_line("jobs/train.py", []) == "spark-submit jobs/train.py"


@pytest.mark.parametrize(
    "argument",
    ["spark={spark.hadoop.fs.s3a.secret.key: hunter2}", "spark.fs.s3a.secret.key=hunter2",
     "a.password=hunter2", "x.accessKey=hunter2", "s3://me:hunter2@bucket/a",
     "https://host/a?token=hunter2"],
)  # fmt: skip
def test_secrets_are_not_shown(argument: str) -> None:
    assert "hunter2" not in command_line("galspec ingest", ["--set", argument])
