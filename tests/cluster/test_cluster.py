"""The jobs on a real standalone cluster, to which the package comes by ``--py-files`` only."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cluster.cluster import WORKERS, Cluster
from tests.cluster.jobs import JOBS, script
from tests.cluster.results import assert_same
from tests.processes import members

PROBE = Path(__file__).with_name("probe.py")


@pytest.fixture(scope="module")
def done(running: Cluster, survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the jobs leave behind that ran on the cluster."""
    here = tmp_path_factory.mktemp("cluster-results")
    for job, spec in JOBS.items():
        submitted = running.start_job(script(job), *spec.arguments(survey, here))
        assert submitted.wait() == 0, submitted.messages
        assert not submitted.errors
    return here


@pytest.mark.parametrize("job", JOBS)
def test_results_are_those_of_one_machine(done: Path, expected: Path, job: str) -> None:
    for result in JOBS[job].results:
        assert_same(done / result, expected / result)


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
