from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, running_cluster
from tests.cluster.jobs import EACH, JOBS, script
from tests.lines.galaxies import write_templates
from tests.submit import submit

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


@dataclass(frozen=True)
class Submitted:
    """Each job's process, and the folder of what the jobs left behind."""

    folder: Path
    results: dict[str, CompletedProcess[str]]

    def summary(self, job: str) -> dict[str, Any]:
        """Return the job's part of its summary."""
        content = json.loads((self.folder / EACH[job].output / "summary.json").read_text())
        summary: dict[str, Any] = content[job]
        return summary


@pytest.fixture(scope="session")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """Each job run through spark-submit, on this machine alone. Read it only."""
    folder = tmp_path_factory.mktemp("submitted")
    write_templates(folder / "templates.fits")
    results = {
        job: submit(script(job), *spec.arguments(folder / "survey", folder), folder=folder)
        for job, spec in EACH.items()
    }
    return Submitted(folder, results)


@pytest.fixture(scope="session")
def survey(submitted: Submitted) -> Path:
    """A small simulated survey."""
    return submitted.folder / "survey"


@pytest.fixture(scope="session")
def expected(submitted: Submitted) -> Path:
    """What all jobs leave behind when they run on this machine alone, undisturbed. Read it only."""
    for job in JOBS:
        assert submitted.results[job].returncode == 0, submitted.results[job].stderr
    return submitted.folder


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
