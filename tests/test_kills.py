"""A job that is killed at any moment, and run again, ends as one that was left alone.

Jobs are killed as a whole: driver, Java and Python's workers. It is long, so it runs only where
``GALSPEC_KILLS=20 GALSPEC_KILL_SEED=7 pytest tests/test_kills.py`` asks for it. A sample is in the
suite: see tests/ingest/test_kill.py, tests/release/test_release.py and tests/cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from tests.processes import kill
from tests.submit import ROOT, command, environment, run_here

KILLS = int(os.environ.get("GALSPEC_KILLS", "0"))
SEED = int(os.environ.get("GALSPEC_KILL_SEED", "20260131"))
SETTINGS = ("--config", str(ROOT / "tests" / "small.yaml"))
#: Columns and values that tell runs apart.
OF_RUN = ("run_id", "first_seen", "seconds", "mtime_ns", "path", "file", "part")
#: How much longer a job takes that has just started Java: seconds.
START = 5.0

pytestmark = pytest.mark.skipif(KILLS == 0, reason="GALSPEC_KILLS is not set")


@dataclass(frozen=True)
class Stage:
    """A job, the folder that it begins with, and what it makes of that when left alone."""

    job: str
    options: Callable[[Path], list[str]]
    before: Path
    after: dict[str, Any]
    seconds: float  #: in a session that is open


def options_of(job: str) -> Callable[[Path], list[str]]:
    def options(root: Path) -> list[str]:
        warehouse = ["--warehouse", str(root / "warehouse")]
        model = ["--model", str(root / "run" / "model")]
        return {
            "ingest": [*warehouse, "--input", str(root / "survey"), "--release", "first"],
            "preprocess": warehouse,
            "measure": warehouse,
            "train": [*warehouse, "--output", str(root / "run")],
            "classify": [*warehouse, *model],
            "release": [*warehouse, *model, "--input", str(root / "second"), "--release", "second",
                        "--output", str(root / "release")],
            "compact": warehouse,
        }[job]  # fmt: skip

    return options


JOBS = ("ingest", "preprocess", "measure", "train", "classify", "release", "compact")


def state(root: Path) -> dict[str, Any]:
    """Return the rows of all tables, and the scores of a training run, without what tells runs."""
    found: dict[str, Any] = {}
    for folder in sorted((root / "warehouse").glob("[a-z]*/")):
        parts = [pq.ParquetFile(part).read() for part in sorted(folder.rglob("*.parquet"))]
        if parts:
            rows = pa.concat_tables(parts)
            kept = [name for name in rows.column_names if name not in OF_RUN]
            rows = rows.select(kept).to_pylist()
            found[folder.name] = sorted(json.dumps(row, sort_keys=True) for row in rows)
    metrics = root / "run" / "metrics.json"
    if metrics.exists():
        found["metrics"] = timeless(json.loads(metrics.read_text()))
    return found


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if key not in OF_RUN}
    if isinstance(value, list):
        return [timeless(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def run(spark: SparkSession, job: str, root: Path) -> None:
    """Run a job in this process; a release may end with findings."""
    code = run_here(spark, job, *SETTINGS, *options_of(job)(root))
    assert code == 0 or (job, code) == ("release", 3)


@pytest.fixture(scope="module")
def stages(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """All jobs in turn, undisturbed; a copy of the folder before each."""
    root = tmp_path_factory.mktemp("kills")
    for name, seed, spectra in (("survey", 5, 400), ("second", 2, 100)):  # AGN in both splits
        survey = ["--output", str(root / name), "--seed", str(seed), "--spectra", str(spectra)]
        assert run_here(spark, "simulate", *SETTINGS, *survey) == 0
    found = {}
    for job in JOBS:
        before = root.with_name(f"{root.name}-{job}")
        shutil.copytree(root, before)
        begun = time.monotonic()
        run(spark, job, root)
        seconds = time.monotonic() - begun
        found[job] = Stage(job, options_of(job), before, state(root), seconds)
    assert found["compact"].after == found["release"].after
    return found


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("job", JOBS)
def test_a_killed_job_run_again_ends_as_one_left_alone(
    spark: SparkSession,
    stages: dict[str, Stage],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    job: str,
    number: int,
) -> None:
    stage, root = stages[job], tmp_path / "root"
    shutil.copytree(stage.before, root)
    wait = START * 0.7 + (START + stage.seconds) * np.random.default_rng([SEED, number]).random()
    process = subprocess.Popen(
        command(ROOT / "jobs" / f"{job}.py", *SETTINGS, *stage.options(root)),
        env=environment(),
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(wait)
        how = "had ended"
    except subprocess.TimeoutExpired:
        how = "was killed"
    finally:
        kill(process.pid)
        process.wait()
    with capsys.disabled():
        sys.stdout.write(f"\n{job} {how} after {wait:.1f} s, seed {SEED}, number {number} ")
    run(spark, job, root)
    found = state(root)
    assert found.keys() == stage.after.keys()
    for table, rows in stage.after.items():
        assert found[table] == rows, table
    shutil.rmtree(root)
