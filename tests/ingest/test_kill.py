"""An ingest that is killed at any moment, and run again, ends as one that was left alone.

More of it: ``make faults``, or with another seed ``GALSPEC_KILLS=20 GALSPEC_KILL_SEED=7 pytest
tests/ingest/test_kill.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.processes import kill
from tests.slow_ingest import ingest_slowly
from tests.submit import ROOT, run_here

KILLS = int(os.environ.get("GALSPEC_KILLS", "1"))
SEED = int(os.environ.get("GALSPEC_KILL_SEED", "20260131"))
#: Before each step of a commit, so that many kills fall into one.
PAUSE = 0.05
#: How much longer than here an ingest takes up to its commit in a process that has just started.
COLD = 3
SORTED_BY = {"spectra": "spectrum_id", "files": "path"}

State = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Change:
    """A warehouse, the survey that changed since, and what an undisturbed ingest makes of it."""

    survey: Path
    warehouse: Path
    before: State
    after: State
    seconds: float  #: that the ingest takes in a new process, from the opened session on
    commit: float  #: of these, from the journal on


@contextmanager
def running(survey: Path, root: Path, pause: float = PAUSE) -> Iterator[subprocess.Popen[bytes]]:
    """Run the ingest from the moment its session is open; kill it and all its children at last."""
    command = [sys.executable, "-m", "tests.slow_ingest", str(survey), str(root), str(pause)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        yield process
    finally:
        kill(process.pid)
        process.communicate()


def state(root: Path) -> State:
    """Return the rows of all tables as plain Parquet files show them, without the names of runs."""
    return {table: rows(root / table, key) for table, key in SORTED_BY.items()}


def rows(folder: Path, key: str) -> list[dict[str, Any]]:
    parts = [pq.ParquetFile(part).read() for part in sorted(folder.rglob("*.parquet"))]
    found = pa.concat_tables(parts).drop_columns(["run_id"]).to_pylist() if parts else []
    # NaN is not equal to itself; there is none outside of pixels, and none in these.
    return sorted(found, key=lambda row: row[key])


def until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> float:
    """Wait for something that a process does; return the seconds."""
    begin = time.monotonic()
    while not is_so() and process.poll() is None:
        time.sleep(0.002)
    return time.monotonic() - begin


def differing(state: State, other: State) -> list[str]:
    """Return the tables that differ."""
    return [table for table in SORTED_BY if state[table] != other[table]]


def ingest_here(spark: SparkSession, survey: Path, root: Path, pause: float = 0) -> None:
    """Do what `tests.slow_ingest` does, in this process."""
    ingest_slowly(spark, str(survey), str(root), pause)


@pytest.fixture(scope="module")
def change(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Change:
    """Thirty files; then some change, one is no longer FITS, and some are new."""
    folder = tmp_path_factory.mktemp("kill")
    survey, warehouse, undisturbed = (folder / name for name in ("survey", "before", "after"))
    for seed in range(30):
        spec_files.write(survey, seed)
    ingest_here(spark, survey, warehouse)
    for seed in (3, 4, 17):
        spec_files.write(survey, seed, SUBCLASS="AGN")
    (survey / "spec-0008.fits").write_bytes(b"no longer FITS")
    for seed in range(30, 45):
        spec_files.write(survey, seed)
    shutil.copytree(warehouse, undisturbed)
    begin = time.monotonic()
    with ThreadPoolExecutor(1) as thread:
        ingesting = thread.submit(ingest_here, spark, survey, undisturbed, PAUSE)
        while not (undisturbed / "_journal.json").exists() and not ingesting.done():
            time.sleep(0.002)
        journal = time.monotonic()
        ingesting.result()
    end = time.monotonic()
    before, after = state(warehouse), state(undisturbed)
    assert [len(before[table]) for table in SORTED_BY] == [30, 30]
    assert [len(after[table]) for table in SORTED_BY] == [44, 45]
    commit = end - journal
    return Change(survey, warehouse, before, after, COLD * (journal - begin) + commit, commit)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_ingest_rerun_ends_in_the_same_tables(
    spark: SparkSession,
    change: Change,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    """Even numbers are killed at any moment, odd ones within the commit."""
    root = tmp_path / "warehouse"
    shutil.copytree(change.warehouse, root)
    journal = root / "_journal.json"
    share = np.random.default_rng([SEED, number]).random()
    with running(change.survey, root) as process:
        waited = 0.0
        if number % 2:
            waited = until(journal.exists, process)
        time.sleep(share * (change.commit if number % 2 else change.seconds))
        waited += share * (change.commit if number % 2 else change.seconds)
    was_in_commit = journal.exists()
    if was_in_commit:
        Warehouse(root).parts("spectra")  # whoever opens it completes the change
    seen = state(root)
    both = {"before": change.before, "after": change.after}
    which = next((name for name in both if not differing(seen, both[name])), "between")
    with capsys.disabled():
        where = "in its commit" if was_in_commit else "outside of its commit"
        when = f"after {waited:.2f} s of {change.seconds:.2f}, {where}"
        sys.stdout.write(f"\nkill {number}, seed {SEED}: {when}: rows as {which} ")
    assert which == "after" if was_in_commit else which != "between"

    ingest_here(spark, change.survey, root)
    assert not differing(state(root), change.after)
    left = {path.name for path in root.iterdir()} - {*SORTED_BY, "_lock", "_format.json"}
    assert not {name for name in left if not name.endswith(".tmp")}


def test_the_second_ingest_is_refused_and_a_dead_one_is_not_in_the_way(
    spark: SparkSession, change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "warehouse"
    shutil.copytree(change.warehouse, root)
    options = ("--input", str(change.survey), "--warehouse", str(root), "--release", "dr14")
    with running(change.survey, root, pause=60) as process:
        until((root / "_journal.json").exists, process)
        assert run_here(spark, "ingest", *options) == 1
        assert process.poll() is None
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert line == f"error: another job is writing to {root}: wait until it ends"
    assert (root / "_journal.json").exists()  # killed in its commit
    ingest_here(spark, change.survey, root)
    assert not differing(state(root), change.after)
