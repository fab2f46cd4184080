"""What else goes wrong on a cluster, and what comes of it.

``make faults`` tries it all and prints a table; tests/cluster/test_cluster.py is the sample of it
that always runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, prlimit

import pytest

from tests.cluster.cluster import Cluster, Daemon, Job, until
from tests.cluster.conftest import Record
from tests.cluster.jobs import JOBS, moment_in, script
from tests.cluster.results import assert_same
from tests.processes import kill

pytestmark = pytest.mark.skipif(
    os.environ.get("GALSPEC_FAULTS") != "all", reason="only with GALSPEC_FAULTS=all: minutes"
)


@pytest.fixture
def start(cluster: Cluster, survey: Path, tmp_path: Path) -> Callable[[str], Job]:
    """Start a job whose results go to the test's folder."""

    def start_job(job: str) -> Job:
        return cluster.start_job(script(job), *JOBS[job].arguments(survey, tmp_path))

    return start_job


@pytest.fixture
def warehouse(expected: Path, tmp_path: Path) -> Path:
    """A warehouse with all tables."""
    return Path(shutil.copytree(expected / "warehouse", tmp_path / "warehouse"))


def assert_as_expected(job: str, found: Path, expected: Path) -> None:
    for result in JOBS[job].results:
        assert_same(found / result, expected / result)
    assert not (found / "warehouse/_staging").exists()
    assert not (found / "warehouse/_journal.json").exists()


def assert_failed(job: Job, *words: str) -> str:
    """Check that a job failed with one line that has these words; return it."""
    assert job.wait() == 1, job.messages
    assert len(job.errors) == 1, job.messages
    assert job.messages[-1] == job.errors[0]
    for word in words:
        assert word in job.errors[0]
    return f"exit code 1, {job.errors[0]}"


def test_executors_killed_in_every_stage_change_no_result(
    start: Callable[[str], Job], cluster: Cluster, expected: Path, tmp_path: Path, record: Record
) -> None:
    for name, spec in JOBS.items():
        job = start(name)
        for stage in spec.stages:
            with cluster.frozen(job, stage, moment_in(stage, tmp_path)) as worker:
                worker.signal_executors(signal.SIGKILL)
        assert job.wait() == 0, job.messages
        assert not job.errors
        assert sum("Lost executor" in line for line in job.messages) == len(spec.stages)
        assert_as_expected(name, tmp_path, expected)
        for stage in spec.stages:
            record("executor killed", f"{name}: {stage}", "the same results")


def test_a_worker_lost_for_good_only_slows_the_job(
    cluster: Cluster, start: Callable[[str], Job], expected: Path, tmp_path: Path, record: Record
) -> None:
    job = start("ingest")
    with cluster.frozen(job, "ingest", moment_in("ingest", tmp_path)) as worker:
        worker.stop()
    assert job.wait() == 0, job.messages
    assert_as_expected("ingest", tmp_path, expected)
    record("worker lost for good", "ingest, a part half written", "the same tables")


@pytest.mark.parametrize(
    ("job", "stage"),
    [("ingest", "ingest"), ("preprocess", "rest frame"), ("train", "RandomForest")],
)
def test_a_killed_driver_leaves_nothing_and_a_rerun_ends_as_expected(
    cluster: Cluster,
    start: Callable[[str], Job],
    expected: Path,
    tmp_path: Path,
    record: Record,
    job: str,
    stage: str,
) -> None:
    before = list(JOBS)[: list(JOBS).index(job)]
    for table in [result for done in before for result in JOBS[done].results]:
        shutil.copytree(expected / table, tmp_path / table)
    for name in ("summary.json", "_format.json") if before else ():
        shutil.copy(expected / "warehouse" / name, tmp_path / "warehouse")
    if "preprocess" in before:
        shutil.copytree(expected / "warehouse/sample", tmp_path / "warehouse/sample")
    killed = start(job)
    with cluster.frozen(killed, stage, moment_in(stage, tmp_path)):
        kill(killed.process.pid)
    until(lambda: not any(w.executors for w in cluster.workers.values()), "executors end")
    for result in JOBS[job].results:
        assert not list((tmp_path / result).rglob("*.parquet")), "half written"
    rerun = start(job)
    assert rerun.wait() == 0, rerun.messages
    assert_as_expected(job, tmp_path, expected)
    record("driver killed", f"{job}: {stage}", "nothing half written; rerun: the same results")


@contextmanager
def largest_file(worker: Daemon, size: int) -> Iterator[None]:
    """Let executors that a worker starts write no file above a size, as where its disk is full."""
    before, hard = prlimit(worker.process.pid, RLIMIT_FSIZE)
    prlimit(worker.process.pid, RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        prlimit(worker.process.pid, RLIMIT_FSIZE, (before, hard))


def test_one_workers_full_disk_only_slows_the_job(
    cluster: Cluster, start: Callable[[str], Job], expected: Path, tmp_path: Path, record: Record
) -> None:
    with largest_file(next(iter(cluster.workers.values())), 1_000_000):
        job = start("ingest")
        assert job.wait() == 0, job.messages
    assert_as_expected("ingest", tmp_path, expected)
    record("full disk of one worker", "ingest, while writing", "the same tables")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Make a folder a disk of its own."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder])
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_one_line_and_nothing_is_written(
    start: Callable[[str], Job], tmp_path: Path, record: Record
) -> None:
    warehouse = tmp_path / "warehouse"
    with small_disk(warehouse, "1m"):
        result = assert_failed(start("ingest"), "No space left on device")
        assert [path.name for path in warehouse.iterdir()] == ["_lock"]
    record("full disk of the warehouse", "ingest, while writing", result)


def test_a_warehouse_that_cannot_be_made_is_one_line(
    cluster: Cluster, survey: Path, tmp_path: Path, record: Record
) -> None:
    (tmp_path / "file").touch()
    for place in ("/proc/warehouse", tmp_path / "file" / "warehouse"):  # not even root can
        job = cluster.start_job(script("ingest"), "--input", str(survey), "--warehouse", str(place))
        result = assert_failed(job, str(place))
    record("unwritable warehouse", "ingest, before it starts", result)


def test_a_warehouse_that_vanishes_is_one_line(
    cluster: Cluster, start: Callable[[str], Job], tmp_path: Path, record: Record
) -> None:
    job = start("ingest")
    with cluster.frozen(job, "ingest", moment_in("ingest", tmp_path)):
        shutil.rmtree(tmp_path / "warehouse")
    # A task finds out while it writes, or the driver after it.
    result = assert_failed(job, str(tmp_path / "warehouse"), "all machines of the cluster see")
    assert not list(tmp_path.rglob("*.parquet"))
    record("vanished warehouse", "ingest, while writing", result)


def overwrite(part: Path) -> None:
    """Change bytes in the middle, where the pixels are."""
    content = bytearray(part.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8] = b"\0CORRUPT"
    part.write_bytes(content)


def cut(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-1000])


def empty(part: Path) -> None:
    part.write_bytes(b"")


@pytest.mark.parametrize("damage", [overwrite, cut, empty])
@pytest.mark.parametrize(("job", "table"), [("preprocess", "spectra"), ("train", "restframe")])
def test_a_damaged_part_is_one_line_that_names_it(
    start: Callable[[str], Job],
    warehouse: Path,
    tmp_path: Path,
    record: Record,
    job: str,
    table: str,
    damage: Callable[[Path], None],
) -> None:
    if job == "preprocess":
        shutil.rmtree(warehouse / "restframe")
    part = max((warehouse / table).rglob("*.parquet"), key=lambda path: path.stat().st_size)
    damage(part)
    result = assert_failed(start(job), part.name)
    assert not (warehouse / "_staging").exists()
    assert not (
        tmp_path / JOBS["preprocess" if job == "preprocess" else "train"].results[0]
    ).exists()
    record(f"damaged Parquet part ({damage.__name__})", job, result)
