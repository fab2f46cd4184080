"""What people see of a job: its summary in rounded numbers, and its progress."""

from __future__ import annotations

import io
import logging

import pytest

from galspec_spark.harness import progress
from galspec_spark.harness.console import CLEAR_LINE
from galspec_spark.harness.text import job_lines, stage_lines, value_text

SUMMARY = {"job": "train", "status": "done", "version": "1", "run_id": "r", "config_hash": "h"}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("f1", 0.9174603174603174, "0.917"),
        ("spectra", 1234567, "1,234,567"),
        ("seconds", 3.094, "3.1"),
        ("seconds", 1234.5678, "1,235"),
        ("changed", True, "yes"),
        ("release", "dr14", "dr14"),
    ],
)
def test_a_value_has_the_digits_that_mean_something(key, value, text):
    assert value_text(key, value) == text


def test_what_has_no_place_on_a_line_is_left_out():
    assert list(job_lines({"a": None, "b": {}, "c": [1], "d": 2})) == [f"{'d':>24}  2"]


def test_a_stage_begins_with_its_name_and_time():
    lines = list(stage_lines({**SUMMARY, "seconds": 61.26, "spectra": 4}))
    assert lines == ["train: done in 61.3 s", f"{'spectra':>24}  4"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], ["nothing"]),
        (["a", "b", "c"], ["a", "b", "c"]),
        (["a", "b", "c", "d", "e"], ["a", "b", "and 3 more"]),
    ],
)
def test_findings_are_at_most_three_lines(found, expected):
    lines = list(job_lines({"found": found, "report": "x.html"}))
    assert [line.strip().removeprefix("found").strip() for line in lines[:-1]] == expected
    assert lines[-1].endswith("report  x.html")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def finished(monkeypatch):
    """Finish 40 of 100 fits in 10 seconds, with a stream as stderr; return what it shows."""

    def finish(stream):
        clock = iter([0.0, 10.0])
        monkeypatch.setattr(progress, "time", type("Clock", (), {"monotonic": lambda: next(clock)}))
        monkeypatch.setattr("sys.stderr", stream)
        search = progress.Progress("train, search", 100, "fits")
        search.advance(40)
        search.finish()
        return stream.getvalue()

    return finish


LINE = "train, search: 40 of 100 fits (40%), 4.0/s, 15 s left"


def test_a_terminal_shows_one_line_in_place(finished, caplog):
    caplog.set_level(logging.INFO)
    assert finished(Terminal()) == f"{CLEAR_LINE}{LINE}{CLEAR_LINE}"
    assert not caplog.messages


def test_a_log_gets_lines(finished, caplog):
    caplog.set_level(logging.INFO)
    assert finished(io.StringIO()) == ""
    assert caplog.messages == [LINE]
