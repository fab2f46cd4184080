"""Commands are timed; memory and CPU time of them and of what they start are seen."""

from __future__ import annotations

import sys

import pytest

from benchmarks.commands import run_command
from galspec_spark.errors import UserError

MB = 1_000_000
HOLD = "import time; held = b'x' * {bytes}; time.sleep(0.6); print('done')"
START = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_an_array_of_200_megabytes_is_seen():
    empty = run_command(python(HOLD.format(bytes=0)))
    held = run_command(python(HOLD.format(bytes=200 * MB)))
    assert held.peak_bytes - empty.peak_bytes == pytest.approx(200 * MB, abs=10 * MB)
    assert held.stdout == "done\n"
    assert 0.6 < held.seconds < 30


def test_what_a_command_starts_counts_too():
    held = run_command(python(START, HOLD.format(bytes=200 * MB)))
    assert 200 * MB < held.peak_bytes < 280 * MB


def test_cpu_time_is_that_of_work_and_not_of_waiting():
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    worked = run_command(python(START, busy))
    assert 0.4 < worked.cpu_seconds < 1.2
    assert run_command(python(HOLD.format(bytes=0))).cpu_seconds < 0.3


def test_a_command_that_fails_says_why():
    with pytest.raises(UserError, match=r"ended with 1: ValueError: no such star"):
        run_command(python("raise ValueError('no such star')"))
