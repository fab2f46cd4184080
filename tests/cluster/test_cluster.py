"""All jobs on a real standalone cluster, to which the package comes by ``--py-files`` only."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.cluster.cluster import PATIENCE, WORKERS, Cluster, Job
from tests.cluster.conftest import Record
from tests.cluster.jobs import JOBS, moment_in, script
from tests.cluster.results import assert_same
from tests.processes import members
from tests.submit import ROOT

BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"
APPLICATION = Path(__file__).with_name("application.py")
#: A part half written, and models trained on rows that an executor holds.
KILLED_IN = ("ingest", "RandomForest")
FIND = "from importlib.util import find_spec; print([bool(find_spec(name)) for name in {}])"


@dataclass(frozen=True)
class Done:
    """An application that ran all jobs on the cluster, and the folder of what they left behind."""

    job: Job
    results: Path


@pytest.fixture(scope="module")
def done(running: Cluster, survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The application that lost executors on the way."""
    here = tmp_path_factory.mktemp("cluster-results")
    jobs = [[str(script(name)), *spec.arguments(survey, here)] for name, spec in JOBS.items()]
    asked = ("spark.sql.shuffle.partitions", BATCH)
    job = running.start_job(APPLICATION, json.dumps(jobs), *asked, **{BATCH: "999"})
    for stage in KILLED_IN:
        with running.frozen(job, stage, moment_in(stage, here)) as worker:
            worker.signal_executors(signal.SIGKILL)
    assert job.wait(4 * PATIENCE) == 0, job.messages
    return Done(job, here)


@pytest.mark.parametrize("job", JOBS)
def test_results_are_those_of_one_machine_although_executors_were_killed(
    done: Done, expected: Path, record: Record, job: str
) -> None:
    assert not done.job.errors
    assert sum("Lost executor" in line for line in done.job.messages) == len(KILLED_IN)
    for result in JOBS[job].results:
        assert_same(done.results / result, expected / result)
    assert not (done.results / "warehouse/_staging").exists()
    for stage in set(KILLED_IN).intersection(JOBS[job].stages):
        record("executor killed", f"{job}: {stage}", "the same results")


def test_tasks_run_elsewhere_with_the_package_that_was_shipped(
    running: Cluster, done: Done
) -> None:
    plain = subprocess.run(
        [running.python, "-c", FIND.format(["pyspark", "galspec_spark"])],
        cwd=running.folder,
        env=running.environment(),
        capture_output=True,
        text=True,
    )
    assert plain.stdout == "[True, False]\n"
    said = json.loads(done.job.output.splitlines()[0])
    assert said["master"] == running.url
    assert said["cores"] == len(WORKERS)
    assert sorted(task["address"] for task in said["tasks"]) == sorted(WORKERS)
    for task in said["tasks"]:
        assert task["python"] == str(running.python)
        assert f"{running.package.name}/galspec_spark/" in task["package"]
    # conf/cluster and spark-submit decide, not the package's own settings.
    assert said["settings"] == {"spark.sql.shuffle.partitions": "64", BATCH: "999"}


def test_the_package_has_the_command_and_its_configuration(running: Cluster) -> None:
    with ZipFile(running.package) as package:
        names = package.namelist()
        (entries,) = [name for name in names if name.endswith("entry_points.txt")]
        assert b"galspec = galspec_spark.command:main" in package.read(entries)
        for path in (path for path in (ROOT / "conf").iterdir() if path.is_file()):
            assert package.read(f"galspec_spark/conf/{path.name}") == path.read_bytes()
    assert {f"galspec_spark/jobs/{path.name}" for path in (ROOT / "jobs").glob("*.py")} <= {*names}


def test_the_secret_is_nowhere_to_be_read(running: Cluster, done: Done) -> None:
    """It is in the environment of processes, which only their owner can read."""
    for folder in (running.folder, done.results):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert running.secret.encode() not in path.read_bytes(), path
    for pid in [pid for session in running.sessions() for pid in members(session)]:
        assert running.secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
