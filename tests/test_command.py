"""The command galspec: it finds the jobs and the package's configurations, and talks plainly."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from galspec_spark import __version__
from galspec_spark.command import JOBS, main
from galspec_spark.config import CONF, SHIPPED, load_config
from galspec_spark.errors import ConfigError
from tests.submit import ROOT


@pytest.fixture(autouse=True)
def _own_process(monkeypatch):
    """Keep the arguments and the environment of the tests' own process."""
    monkeypatch.setattr("sys.argv", [])
    with patch.dict(os.environ):
        yield


def test_each_job_of_spark_submit_is_a_command():
    for folder in (ROOT / "jobs", ROOT / "galspec_spark" / "jobs"):
        assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(JOBS)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_it_lists_the_commands_a_line_each(capsys, arguments):
    assert main(arguments) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [line.split()[0] for line in listed] == list(JOBS)
    assert all(line.endswith(".") for line in listed)


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"galspec_spark {__version__}\n"


def test_an_unknown_command_is_wrong_usage_in_one_line(capsys):
    assert main(["trian"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no command 'trian': there are run, simulate, ")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_shows_its_own_help(capsys, job):
    with pytest.raises(SystemExit) as leaving:
        main([job, "--help"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: galspec {job} ")


@pytest.mark.parametrize("job", JOBS)
def test_an_unknown_option_is_wrong_usage_in_one_line(capsys, job):
    needed = {"download": ["--plates", "266"], "drift": ["--release", "a"]}
    needed["release"] = needed["remove"] = needed["drift"]
    needed["diff"] = ["a", "b"]
    assert main([job, *needed.get(job, []), "--no-such-option"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"error: unrecognized arguments: --no-such-option; galspec {job} --help shows the options"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["drift"], "the following arguments are required: --release"),
        (["release"], "one of the arguments --release --discover is required"),
        (["remove"], "the following arguments are required: --release"),
        (["diff", "a"], "the following arguments are required: NEW"),
        (["download"], "one of the arguments --plates --list --templates is required"),
        (["classify", "--export", "xlsx"], "argument --export: invalid choice: 'xlsx'"),
        (["verify", "--sample", "few"], "'few' is neither a number of files nor all"),
        (["train", "--config", "papr"], "package are classes, default, demo, paper, stock"),
        (["ingest", "--warehouse"], "argument --warehouse: expected one argument"),
    ],
)
def test_what_lacks_or_has_a_wrong_value_is_wrong_usage_in_one_line(
    capsys, monkeypatch, tmp_path, words, expected
):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert expected in line


def test_the_packages_configurations_have_names():
    assert SHIPPED == ("classes", "default", "demo", "paper", "stock")
    for name in SHIPPED:
        assert load_config(name) == load_config(CONF / f"{name}.yaml")
    assert load_config("paper") != load_config()
    with pytest.raises(ConfigError, match=r"paper\.yaml: No such file"):
        load_config(Path("elsewhere/paper.yaml"))


def test_the_configuration_in_the_package_is_the_one_beside_it():
    assert CONF.resolve() == ROOT / "conf"
