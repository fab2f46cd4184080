from __future__ import annotations

import json
import logging
import os
import runpy
from contextlib import nullcontext
from pathlib import Path

import pytest

from galspec_spark.errors import ConfigError, UserError, cause_of
from galspec_spark.harness import cli, outcome
from tests.submit import ROOT, messages, submit

#: Several jobs in one start: a task fails, the usage is wrong, and one that is done.
JOB = """
import sys

from galspec_spark.harness.cli import job_parser, run_job


def fail(batches):
    raise ValueError("spectrum 7 is odd")


def work(spark, run, args):
    rows = spark.range(4)
    return {"rows": (rows.mapInArrow(fail, "id long") if args.odd else rows).count()}


parser = job_parser(__doc__)
parser.add_argument("--output", default="output")
parser.add_argument("--odd", action="store_true")
for options in (["--odd", "--output", "odd"], ["--set", "nonsense.key=1"], sys.argv[1:]):
    code = run_job("probe", parser, work, output="output", argv=options)
    print("exit code", code)
sys.exit(code + 40)
"""

#: One text that is larger than all of Java's memory.
FULL = """
import sys

from galspec_spark.harness.cli import job_parser, run_job


def work(spark, run, args):
    text = "length(repeat('x', cast(id + 2000000000 as int)))"
    return {"rows": spark.range(4).selectExpr(text).collect()}


parser = job_parser(__doc__)
parser.add_argument("--output", default="output")
sys.exit(run_job("full", parser, work, output="output"))
"""


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a job in this process, without Spark: its work is a function of no arguments."""
    monkeypatch.setattr(cli, "open_session", lambda name, config: nullcontext())

    def run_work(work, *options, output=tmp_path / "output"):
        parser = cli.job_parser("A job.")
        parser.add_argument("--output")
        argv = ["--output", str(output), *options]
        return cli.run_job("probe", parser, lambda *_: work(), output="output", argv=argv)

    return run_work


def never():
    raise AssertionError("the work began")


def test_through_spark_submit_a_job_writes_its_summary_or_one_line(tmp_path):
    script = tmp_path / "probe.py"
    script.write_text(JOB, encoding="utf-8")
    options = ["--set", "spark.app.id=x", "--output", "sölve"]
    result = submit(script, *options, folder=tmp_path, LC_ALL="", LANG="C")  # as of cron
    assert result.returncode == 40 + outcome.DONE
    codes = [int(line.split()[2]) for line in result.stdout.splitlines() if "exit code" in line]
    assert codes == [outcome.FAILED, outcome.WRONG_USAGE, outcome.DONE]
    failed, misused = messages(result)  # and no noise
    assert failed == "error: PythonException: ValueError: spectrum 7 is odd"
    assert misused.startswith("error: --set: nonsense: unknown key")
    assert not (tmp_path / "odd").exists()
    assert "rows  4" in result.stdout
    summary = json.loads((tmp_path / "sölve" / "summary.json").read_text())["probe"]
    assert (summary["job"], summary["status"], summary["rows"]) == ("probe", "done", 4)
    assert summary["config_hash"] in result.stdout


@pytest.mark.skipif(
    os.environ.get("GALSPEC_FAULTS") != "all", reason="only with GALSPEC_FAULTS=all: half a minute"
)
def test_a_java_that_runs_out_of_memory_is_one_line(tmp_path):
    """With Spark's own settings, as outside of the activated environment, in 1 GB."""
    script = tmp_path / "full.py"
    script.write_text(FULL, encoding="utf-8")
    own = {"SPARK_CONF_DIR": str(tmp_path), "SPARK_DRIVER_MEMORY": "1g"}
    result = submit(script, folder=tmp_path, **own)
    assert result.returncode == outcome.FAILED
    assert "\tat " not in result.stderr
    assert [line for line in messages(result) if line.startswith("error:")] == [
        "error: Spark's driver ran out of memory: set --driver-memory (spark.driver.memory)"
    ]


LOST = "Job aborted due to stage failure: Lost task 0.3 in stage 0.0 (TID 3) "


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        (f"{LOST}(host executor driver): java.lang.OutOfMemoryError: Java heap space", "driver"),
        ("calling o45.collect.\n: java.lang.OutOfMemoryError: GC overhead\n\tat java", "driver"),
        (f"{LOST}(10.0.0.2 executor 1): java.lang.OutOfMemoryError: Java heap", "executor"),
        (
            f"{LOST}(10.0.0.2 executor 1): ExecutorLostFailure (executor 1 exited caused by one of "
            "the running tasks) Reason: Command exited with code 52",
            "executor",
        ),
    ],
)
def test_a_lack_of_memory_names_the_setting(text, whose):
    line = cause_of(RuntimeError(text))
    assert line.endswith(f"ran out of memory: set --{whose}-memory (spark.{whose}.memory)")
    other = text.replace("OutOfMemory", "Key").replace("code 52", "code 1")
    assert "memory" not in cause_of(RuntimeError(other))


def test_a_message_to_the_user_from_a_task_is_told_as_it_is():
    buried = (
        "An exception was thrown from the Python worker:\nTraceback (most recent call last):\n"
        "galspec_spark.errors.UserError: cannot read /w/part.parquet: it is damaged\n\n"
        "\tat org.apache.spark.api.python.BasePythonRunner\n"
    )
    assert cause_of(RuntimeError(buried)) == "cannot read /w/part.parquet: it is damaged"


@pytest.mark.parametrize("job", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.stem)
def test_every_job_has_the_common_options(job, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [job.name, "--help"])
    with pytest.raises(SystemExit) as leaving:
        runpy.run_path(str(job), run_name="__main__")
    assert leaving.value.code == 0
    assert {"--config", "--set", "--version"} <= set(capsys.readouterr().out.split())


JAVA_ERROR = """An error occurred while calling o1.count.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 4.0 failed 1 \
times, most recent failure: Lost task 0.0 in stage 4.0 (TID 6) (localhost executor driver): \
java.lang.IllegalStateException: it is odd
\tat org.apache.spark.executor.Executor
"""
SPARK_ERROR = """An error occurred while calling o1.count.
: org.apache.spark.SparkException: Job aborted
Traceback (most recent call last):
OSError: disk full
\tat org.apache.spark.executor.Executor
"""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("no galaxies in survey"), outcome.FAILED, "no galaxies in survey"),
        (ConfigError("train.seeds: unknown key"), outcome.WRONG_USAGE, "train.seeds: unknown key"),
        (FileNotFoundError(2, "No such file", "a.fits"), outcome.FAILED, "a.fits: No such file"),
        (KeyError("plate"), outcome.FAILED, "KeyError: 'plate'"),
        (RuntimeError(JAVA_ERROR), outcome.FAILED, "java.lang.IllegalStateException: it is odd"),
        (RuntimeError(SPARK_ERROR), outcome.FAILED, "RuntimeError: OSError: disk full"),
        (
            KeyboardInterrupt(),
            outcome.FAILED,
            "interrupted; run the same command again to go on",
        ),
    ],
)
def test_each_kind_of_failure_has_its_exit_code_and_one_line(run, capsys, error, code, line):
    def work():
        raise error

    assert run(work) == code
    assert capsys.readouterr().err.splitlines() == [f"error: {line}"]


def test_stack_traces_that_py4j_logs_are_left_out():
    places = ("/site-packages/py4j/java_gateway.py", "/galspec_spark/ingest/stage.py")
    records = [logging.LogRecord("root", logging.ERROR, place, 1, "", (), None) for place in places]
    assert [cli._is_ours(record) for record in records] == [False, True]


def test_wrong_options_are_wrong_usage(run, capsys):
    assert run(never, "--no-such-option") == outcome.WRONG_USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: unrecognized arguments: --no-such-option; ")


def test_a_wrong_configuration_stops_before_the_work(run, capsys, tmp_path):
    assert run(never, "--config", str(tmp_path / "missing.yaml")) == outcome.WRONG_USAGE
    assert run(never, "--set", "preprocess.folds=1") == outcome.WRONG_USAGE
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("content", ["", '{"probe": {', "[]", '{"ingest": 5}'])
def test_a_damaged_summary_is_named_before_the_work(run, capsys, tmp_path, content):
    place = tmp_path / "output" / "summary.json"
    place.parent.mkdir()
    place.write_text(content)
    assert run(never) == outcome.FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {place} is ")
    assert line.endswith("delete it (it only tells of earlier runs) and run the same command again")


def test_an_output_below_a_file_stops_before_the_work(run, capsys, tmp_path):
    (tmp_path / "file").write_text("here first")
    assert run(never, output=tmp_path / "file" / "output") == outcome.FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: cannot write to")
    assert line.endswith("file is not a folder")


def test_an_output_without_permission_stops_before_the_work(run, capsys, tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    # root may write everywhere, so the answer of the system is replaced
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
    assert run(never, output=closed / "output") == outcome.FAILED
    assert f"no permission in {closed}" in capsys.readouterr().err
