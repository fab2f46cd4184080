"""What the end of a run leaves: the table runs, metrics, and an alarm."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pyspark.sql import SparkSession

from galspec_spark.api.warehouse import Warehouse
from galspec_spark.errors import ConfigError, NothingRead, UserError
from galspec_spark.harness import alarm, cli
from galspec_spark.harness.outcome import (
    DONE,
    FAILED,
    NOTHING_READ,
    PROBLEM_FOUND,
    WRONG_USAGE,
    Trail,
)
from galspec_spark.harness.prometheus import prometheus_text
from galspec_spark.harness.run import Run, Summary

Job = Callable[..., int]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    """Run a job in this process, without Spark, on the warehouse ``wh``."""
    monkeypatch.setattr(cli, "open_session", lambda name, config: nullcontext())
    monkeypatch.delenv(alarm.WEBHOOK_VARIABLE, raising=False)
    (tmp_path / "wh").mkdir()

    def run_work(
        work: Callable[[Run], Summary], *settings: str, warehouse: str = "wh", webhook: str = ""
    ) -> int:
        parser = cli.job_parser("A job.")
        parser.add_argument("--warehouse")
        parser.add_argument("--output")
        argv = ["--warehouse", str(tmp_path / warehouse), "--output", str(tmp_path / "output")]
        if webhook:
            secret = tmp_path / "secret.yaml"
            secret.write_text(json.dumps({"monitoring": {"webhook": webhook}}))
            argv += ["--config", str(secret)]
        for setting in ("ingest.release=dr14", *settings):
            argv += ["--set", setting]
        return cli.run_job(
            "ingest", parser, lambda _, run, args: work(run), output="output", argv=argv
        )

    return run_work


def raising(error: BaseException) -> Callable[[Run], Summary]:
    def work(run: Run) -> Summary:
        raise error

    return work


FINDING = {"findings": ["drift"], "found": ["z: 0.3", "sn_median: 0.4"]}
#: Each way to end, with its exit code and its message.
ENDS = [
    (raising(OSError(28, "No space left on device")), FAILED, "No space left on device"),
    (raising(ConfigError("the queue is empty")), WRONG_USAGE, "the queue is empty"),
    (lambda run: FINDING, PROBLEM_FOUND, "z: 0.3; sn_median: 0.4"),
    (raising(NothingRead("all quarantined", {"quarantined": 2})), NOTHING_READ, "all quarantined"),
]


# --- The table runs ---


def test_a_run_and_its_steps_are_rows_of_the_table_runs(
    job: Job, spark: SparkSession, tmp_path: Path
) -> None:
    def work(run: Run) -> Summary:
        with run.trail.step("read") as outcome:
            outcome.take({"read": 3, "quarantined": 2**40, "megabytes": 0.5, "complete": True})
        with run.trail.step("sum"):
            raise UserError("no such galaxy")

    before = datetime.now(UTC)
    assert job(work, "ingest.release=dr9") == FAILED
    named = {"read": 7, "release": "dr8", "model": "0123"}
    assert job(lambda run: named, "ingest.release=null") == DONE
    rows = Warehouse(tmp_path / "wh").frame("runs").orderBy("started").collect()
    first, read, summed, second = rows
    assert [row.step for row in rows] == ["ingest", "read", "sum", "ingest"]
    assert {row.job for row in rows} == {"ingest"}
    assert [row.exit_code for row in rows] == [FAILED, DONE, FAILED, DONE]
    assert [row.status for row in rows] == ["failed", "done", "failed", "done"]
    assert [row.release for row in rows] == ["dr9"] * 3 + ["dr8"]
    assert read.counts == {"read": 3, "quarantined": 2**40}
    assert first.message == summed.message == "no such galaxy"
    assert (second.counts, second.model, second.message) == ({"read": 7}, "0123", None)
    assert first.run_id == read.run_id == summed.run_id != second.run_id
    assert first.config_hash != second.config_hash
    # Spark's session is in UTC; Python's time zone is the machine's.
    assert before.timestamp() <= first.started.timestamp() <= datetime.now(UTC).timestamp()
    assert [path.name[0] for path in (tmp_path / "wh" / "runs").iterdir()] == ["2", "2"]


def test_a_mistyped_warehouse_is_not_made(job: Job, tmp_path: Path) -> None:
    assert job(lambda run: {}, warehouse="hw") == DONE
    assert not (tmp_path / "hw").exists()


@pytest.mark.parametrize("place", ["/proc/nobody/writes/here.prom", "gopher://here.prom"])
def test_metrics_that_cannot_be_written_hide_nothing(
    job: Job, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, place: str
) -> None:
    setting = f"monitoring.prometheus={place}"
    assert job(raising(UserError("the disk is odd")), setting) == FAILED
    assert "error: the disk is odd" in capsys.readouterr().err.splitlines()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= 30]
    assert warning.startswith("monitoring.prometheus: ")


def test_a_history_that_cannot_be_written_hides_nothing(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wh" / "runs").write_text("here first")
    assert job(raising(UserError("the disk is odd"))) == FAILED
    assert "error: the disk is odd" in capsys.readouterr().err.splitlines()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= 30]
    assert warning.startswith("the table runs: ")


# --- Metrics ---


def test_prometheus_reads_the_metrics_of_the_last_run(job: Job, tmp_path: Path) -> None:
    place = tmp_path / "metrics" / "galspec.prom"
    assert job(raising(UserError("no")), f"monitoring.prometheus={place}") == FAILED
    assert job(lambda run: {"read": 2**40, **FINDING}, f"monitoring.prometheus={place}") == 3
    families = {each.name: each for each in text_string_to_metric_families(place.read_text())}
    assert {family.type for family in families.values()} == {"gauge"}
    assert all(family.documentation for family in families.values())
    samples = {name: family.samples for name, family in families.items()}
    common = {"job": "ingest", "step": "ingest", "release": "dr14"}
    (code,) = samples["galspec_run_exit_code"]
    assert (code.labels, code.value) == (common, PROBLEM_FOUND)
    (rows,) = samples["galspec_rows"]
    assert (rows.labels, rows.value) == ({**common, "count": "read"}, 2**40)
    (ended,) = samples["galspec_run_finished_timestamp_seconds"]
    assert abs(ended.value - datetime.now(UTC).timestamp()) < 60
    assert samples["galspec_run_seconds"][0].value >= 0
    assert [path.name for path in place.parent.iterdir()] == ["galspec.prom"]


def test_labels_are_escaped() -> None:
    name = 'a\\b"c\nd'
    trail = Trail("release")
    with trail.step(name):
        pass
    families = text_string_to_metric_families(prometheus_text("release", trail))
    labels = [sample.labels["step"] for family in families for sample in family.samples]
    assert set(labels) == {name}


# --- Alarm ---

TELL = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"


@pytest.mark.parametrize(("work", "code", "message"), ENDS)
def test_a_command_is_told_of_each_exit_code_but_0(
    job: Job, tmp_path: Path, work: Callable[[Run], Summary], code: int, message: str
) -> None:
    told = tmp_path / "told; touch shell"
    setting = f"monitoring.on_failure={json.dumps([sys.executable, '-c', TELL, str(told)])}"
    assert job(lambda run: {}, setting) == DONE
    assert not told.exists()
    assert job(work, setting) == code
    facts = json.loads(told.read_text())
    assert facts["GALSPEC_EXIT_CODE"] == str(code)
    assert (facts["GALSPEC_JOB"], facts["GALSPEC_RELEASE"]) == ("ingest", "dr14")
    assert facts["GALSPEC_MESSAGE"] == message
    assert facts["GALSPEC_RECORD"] == str(tmp_path / "output" / "summary.json")


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        (["/no/such/program"], "/no/such/program: No such file or directory"),
        ([sys.executable, "-c", "exit(9)"], f"{sys.executable} ended with exit code 9"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "was ended after 0 s"),
    ],
)
def test_a_command_that_fails_is_a_warning(
    job: Job,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    cause: str,
) -> None:
    seconds = 0.2 if "sleep" in command[-1] else 60.0
    monkeypatch.setattr(alarm, "COMMAND_SECONDS", seconds)
    assert job(ENDS[3][0], f"monitoring.on_failure={json.dumps(command)}") == NOTHING_READ
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= 30]
    assert warning.startswith("monitoring.on_failure: ")
    assert warning.endswith(cause)


class Receiver(HTTPServer):
    """Keeps what is posted, and answers with a status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.posted: list[tuple[str, str, dict[str, str]]] = []
        self.status = 200


class Answer(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append((self.path, self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("work", "code", "message"), ENDS)
def test_a_webhook_is_told_of_each_exit_code_but_0(
    job: Job, receiver: Receiver, work: Callable[[Run], Summary], code: int, message: str
) -> None:
    address = f"http://127.0.0.1:{receiver.server_port}/hook"
    assert job(lambda run: {}, webhook=address) == DONE
    assert receiver.posted == []
    assert job(work, webhook=address) == code
    ((path, kind, facts),) = receiver.posted
    assert (path, kind) == ("/hook", "application/json")
    assert (facts["exit_code"], facts["job"], facts["release"]) == (str(code), "ingest", "dr14")
    assert facts["message"] == message
    assert facts["text"] == f"galspec ingest dr14: exit code {code}. {message}"


@pytest.mark.parametrize("from_environment", [False, True])
def test_the_address_of_a_webhook_is_told_to_nobody(
    job: Job,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    from_environment: bool,
) -> None:
    """Whether the server refuses, nobody answers, or the address is none at all."""
    caplog.set_level(logging.DEBUG)
    receiver.status = 403
    print_all = [sys.executable, "-c", "import os; print(os.environ)"]
    command = f"monitoring.on_failure={json.dumps(print_all)}"
    causes = {
        f"http://127.0.0.1:{receiver.server_port}/s3cret": "the server answered 403",
        "http://127.0.0.1:9/s3cret": "Connection refused",
        "http://127.0.0.1:9/s3cret\u00e9": "UnicodeEncodeError",
        "http://127.0.0.1:s3cret/": "InvalidURL",
    }
    for address, cause in causes.items():
        caplog.clear()
        if from_environment:
            monkeypatch.setenv(alarm.WEBHOOK_VARIABLE, address)
            code = job(ENDS[3][0], command)
        else:
            code = job(ENDS[3][0], command, webhook=address)
        assert code == NOTHING_READ
        (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= 30]
        assert warning == f"monitoring.webhook: {cause}"
        assert "s3cret" not in caplog.text
    assert job(ENDS[0][0], webhook="s3cret") == WRONG_USAGE
    for setting in ("monitoring.webhook=https://s3cret", "monitoring={webhook: 'http://s3cret'}"):
        assert job(ENDS[0][0], setting) == WRONG_USAGE
    printed = capfd.readouterr()
    assert "GALSPEC_MESSAGE" in printed.err
    assert "s3cret" not in printed.out + printed.err
    assert not [path for path in tmp_path.rglob("*.json") if "s3cret" in path.read_text()]
    for part in (tmp_path / "wh" / "runs").iterdir():
        assert "s3cret" not in str(pq.read_table(part).to_pylist())
