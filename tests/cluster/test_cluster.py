"""The jobs on a real standalone cluster, to which the package comes by ``--py-files`` only."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cluster.cluster import WORKERS, Cluster
from tests.cluster.conftest import Record
from tests.cluster.jobs import JOBS, moment_in, script
from tests.cluster.results import assert_same
from tests.processes import members

PROBE = Path(__file__).with_name("probe.py")


@pytest.fixture(scope="module")
def done(running: Cluster, survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the jobs leave behind that ran on the cluster, each losing executors on the way."""
    here = tmp_path_factory.mktemp("cluster-results")
    for name, spec in JOBS.items():
        job = running.start_job(script(name), *spec.arguments(survey, here))
        for stage in spec.stages:
            with running.frozen(job, stage, moment_in(stage, here)) as worker:
                worker.signal_executors(signal.SIGKILL)
        assert job.wait() == 0, job.messages
        assert not job.errors
        assert sum("Lost executor" in line for line in job.messages) == len(spec.stages)
    return here


@pytest.mark.parametrize("job", JOBS)
def test_results_are_those_of_one_machine_although_executors_were_killed(
    done: Path, expected: Path, record: Record, job: str
) -> None:
    for result in JOBS[job].results:
        assert_same(done / result, expected / result)
    assert not (done / "warehouse/_staging").exists()
    for stage in JOBS[job].stages:
        record("executor killed", f"{job}: {stage}", "the same results")


def test_tasks_run_elsewhere_with_the_package_that_was_shipped(cluster: Cluster) -> None:
    plain = subprocess.run(
        [cluster.python, "-c", "import pyspark, galspec_spark"],
        cwd=cluster.folder,
        env=cluster.environment(),
        capture_output=True,
        text=True,
    )
    assert plain.stderr.endswith("No module named 'galspec_spark'\n")
    probe = cluster.start_job(
        PROBE, "spark.sql.shuffle.partitions", "spark.log.level", log_level="FATAL"
    )
    assert probe.wait() == 0, probe.messages
    said = json.loads(probe.output)
    assert said["master"] == cluster.url
    assert said["cores"] == len(WORKERS)
    assert sorted(task["address"] for task in said["tasks"]) == sorted(WORKERS)
    for task in said["tasks"]:
        assert task["python"] == str(cluster.python)
        assert f"{cluster.package.name}/galspec_spark/" in task["package"]
    # conf/cluster and spark-submit decide, not the package's own settings.
    assert said["settings"] == {"spark.sql.shuffle.partitions": "64", "spark.log.level": "FATAL"}


def test_the_secret_is_nowhere_to_be_read(cluster: Cluster, done: Path) -> None:
    """It is in the environment of processes, which only their owner can read."""
    for folder in (cluster.folder, done):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert cluster.secret.encode() not in path.read_bytes(), path
    for pid in [pid for session in cluster.sessions() for pid in members(session)]:
        assert cluster.secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
