"""A stream over a growing folder that is killed at any moment, and started again.

More of it: ``make faults``, or with another seed ``GALSPEC_KILLS=20 GALSPEC_KILL_SEED=7 pytest
tests/datasource/test_stream_kill.py -s``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from tests import spec_files
from tests.processes import kill
from tests.slow_stream import stream
from tests.submit import ROOT

KILLS = int(os.environ.get("GALSPEC_KILLS", "1"))
SEED = int(os.environ.get("GALSPEC_KILL_SEED", "20260131"))
#: To the latest kill: some batches.
SECONDS = 4.0


@contextmanager
def growing(folder: Path, pattern: bytes) -> Iterator[list[str]]:
    """Let files come into a folder, each in two writes; offer their names so far."""
    names: list[str] = []
    ended = threading.Event()

    def grow() -> None:
        while not ended.wait(0.5):
            name = f"spec-{len(names):04d}.fits"
            with (folder / name).open("wb") as file:
                file.write(pattern[:30000])
                file.flush()
                ended.wait(0.1)
                file.write(pattern[30000:])
            names.append(name)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield names
    finally:
        ended.set()
        thread.join()


def killed_after(folder: Path, seconds: float, *, in_batch: bool) -> None:
    """Start the stream, and kill it with all its children after so many seconds.

    They count from the query's start, or from its first batch.
    """
    begun = entries(folder / "checkpoint/offsets")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.slow_stream", str(folder)],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        while in_batch and entries(folder / "checkpoint/offsets") == begun:
            time.sleep(0.01)
        time.sleep(seconds)
        assert process.poll() is None
    finally:
        kill(process.pid)
        process.communicate()


def entries(folder: Path) -> int:
    return sum(name.isdigit() for name in os.listdir(folder)) if folder.exists() else 0


def test_each_file_is_taken_once_however_often_the_stream_is_killed(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survey, checkpoint = tmp_path / "survey", tmp_path / "checkpoint"
    pattern = spec_files.write(survey).read_bytes()
    shutil.rmtree(survey)
    survey.mkdir()
    with growing(survey, pattern) as names:
        for number in range(KILLS):
            seconds = SECONDS * np.random.default_rng([SEED, number]).random()
            killed_after(tmp_path, seconds, in_batch=number % 2 == 0)
            begun, ended = entries(checkpoint / "offsets"), entries(checkpoint / "commits")
            with capsys.disabled():
                batches = f"{begun} batches begun, {ended} ended, {len(names)} files came"
                sys.stdout.write(f"\nkill {number}, seed {SEED}: after {seconds:.2f} s: {batches} ")
    stream(spark, tmp_path).trigger(availableNow=True).start().awaitTermination()
    rows = spark.read.parquet(str(tmp_path / "taken")).collect()
    assert Counter(Path(row.file).name for row in rows) == dict.fromkeys(names, 1)
