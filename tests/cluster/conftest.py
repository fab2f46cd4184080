from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import load_config
from galspec_spark.simulate.survey import simulate
from tests.cluster.cluster import Cluster, running_cluster
from tests.cluster.jobs import CONFIG, JOBS
from tests.submit import run_here

Record = Callable[[str, str, str], None]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if sys.platform != "linux":
        pytest.skip("needs /proc, and all of 127.0.0.0/8 for the workers")
    yield from running_cluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """A cluster with all its workers, and no job."""
    running.restore()
    return running


@pytest.fixture(scope="session")
def survey(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated survey."""
    folder = tmp_path_factory.mktemp("survey")
    simulate(spark, load_config(CONFIG).simulate, folder)
    return folder


@pytest.fixture(scope="session")
def expected(spark: SparkSession, survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all jobs leave behind when they run on this machine alone, undisturbed. Read it only."""
    here = tmp_path_factory.mktemp("local")
    with patch("galspec_spark.train.stage.write_report", lambda output, _: output):  # slow
        for job, spec in JOBS.items():
            assert run_here(spark, job, *spec.arguments(survey, here)) == 0
    return here


@pytest.fixture(scope="session")
def fault_table() -> Iterator[list[tuple[str, ...]]]:
    """What was done to the cluster and what came of it; printed, or written to a file, at last."""
    rows = [("fault", "when", "result")]
    yield rows
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|---|---|")
    text = "\n".join(lines) + "\n"
    place = os.environ.get("GALSPEC_FAULT_TABLE")
    if place:
        Path(place).write_text(text)
    else:
        sys.stdout.write(f"\n{text}")


@pytest.fixture(scope="session")
def record(fault_table: list[tuple[str, ...]]) -> Record:
    """Add a row to the table of faults: fault, when, result."""
    return lambda *row: fault_table.append(
        tuple(re.sub(r"/\S+/(?=warehouse/)", "", cell) for cell in row)
    )
