"""A standalone Spark cluster on this machine: master and workers, each with its own address.

It runs with conf/cluster as it stands, so authenticated and encrypted. The interpreter of the jobs
has all packages but this one, which reaches them by ``--py-files``, as on a cluster of strangers.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pyspark

from tests.processes import kill, members
from tests.submit import QUICK_JAVA, ROOT

MASTER = "127.0.0.1"
WORKERS = ("127.0.0.2", "127.0.0.3")
SPARK_HOME = Path(pyspark.__path__[0])
#: Of conf/cluster, what this machine is too small for; and the web page tells all at once.
SETTINGS = {
    "spark.driver.extraJavaOptions": QUICK_JAVA,
    "spark.executor.extraJavaOptions": QUICK_JAVA,
    "spark.executor.cores": "1",
    "spark.executor.memory": "1g",
    "spark.driver.memory": "1g",
    "spark.cores.max": str(len(WORKERS)),
    "spark.ui.liveUpdate.period": "0",
}
PATIENCE = 120.0  # seconds
SETTLED = 0.3  # seconds, after which Spark's page says what is so
#: What a job says before a stage that comes late and lasts: its page need not be asked before.
BEGINS = {"RandomForest": "train, search"}


def until(is_so: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until something is so; return it."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((MASTER, 0))
        port: int = probe.getsockname()[1]
        return port


def get_json(address: str) -> Any:
    """Return what a web page of Spark says, None where there is none."""
    with suppress(URLError, OSError, ValueError), urlopen(address, timeout=10) as answer:
        return json.load(answer)
    return None


def make_package(folder: Path) -> Path:
    """Run ``make dist`` on a copy of the sources; return the zip."""
    for name in ("galspec_spark", "pyspark_galspec"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    made = subprocess.run(
        ["make", "--assume-old=setup", "dist"], cwd=folder, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    (package,) = (folder / "dist").glob("*.zip")
    return package


def make_python(folder: Path) -> Path:
    """Make an environment with the packages of this one, but without galspec_spark."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # A path, whose own .pth files are not read: one of them leads to the sources.
    Path(paths["purelib"], "packages.pth").write_text(sysconfig.get_paths()["purelib"])
    return folder / "bin" / "python"


@dataclass
class Daemon:
    """A master or worker: one process, which starts the executors."""

    process: subprocess.Popen[bytes]
    address: str
    folder: Path

    @property
    def executors(self) -> list[int]:
        """Return the executor's processes: its Java and its Python workers."""
        return [pid for pid in members(self.process.pid) if pid != self.process.pid]

    def signal_executors(self, number: signal.Signals) -> None:
        for pid in self.executors:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        kill(self.process.pid)
        self.process.wait()


@dataclass
class Job:
    """A job that was submitted, with the way to its web page."""

    process: subprocess.Popen[bytes]
    folder: Path
    ui: str
    application: str | None = None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end of all of it; return the exit code."""
        try:
            return self.process.wait(seconds)
        finally:
            kill(self.process.pid)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def output(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def messages(self) -> list[str]:
        """Return the lines of stderr, without those that Java itself always writes."""
        lines = (self.folder / "stderr").read_text().splitlines()
        return [line for line in lines if not line.startswith("WARNING: Using incubator modules")]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.messages if line.startswith("error:")]

    def says(self, words: str) -> bool:
        """Tell whether it has said so; the page, asked again and again, slows the job down."""
        return words in "\n".join(self.messages)

    def busy(self, stage: str) -> set[str]:
        """Return the addresses where a task of a stage runs; a pattern names the stage."""
        pages = f"{self.ui}/api/v1/applications"
        if self.application is None:
            self.application = next((each["id"] for each in get_json(pages) or []), None)
        query = "stages?status=active&details=true&taskStatus=RUNNING"
        stages = get_json(f"{pages}/{self.application}/{query}") if self.application else None
        return {
            task["host"]
            for each in stages or []
            for task in (each.get("tasks") or {}).values()
            if re.search(stage, f"{each.get('description')} {each['name']}")
        }


@dataclass
class Cluster:
    """The daemons, and all that a job needs to run on them."""

    folder: Path
    package: Path
    python: Path
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    master: Daemon | None = None
    workers: dict[str, Daemon] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    page: int = field(default_factory=free_port)
    jobs: list[Job] = field(default_factory=list)

    def start(self) -> None:
        options = ["--host", MASTER, "--port", str(self.port), "--webui-port", str(self.page)]
        self.master = self._daemon("master.Master", MASTER, options)
        for address in WORKERS:
            self.start_worker(address)
        until(lambda: len(self._alive()) == len(WORKERS), "workers register")

    def start_worker(self, address: str) -> None:
        options = ["--host", address, "--port", "0", "--webui-port", "0", "-c", "1", "-m", "2g"]
        options += ["-d", str(self.folder / address / "work"), self.url]
        self.workers[address] = self._daemon("worker.Worker", address, options)

    def restore(self) -> None:
        """Start the workers that are gone, and wait until all are there and without a job."""
        for address, worker in self.workers.items():
            if worker.process.poll() is not None:
                self.start_worker(address)
        until(lambda: len(self._alive()) == len(WORKERS), "workers register")
        until(lambda: not any(w.executors for w in self.workers.values()), "executors end")

    @property
    def url(self) -> str:
        return f"spark://{MASTER}:{self.port}"

    def _alive(self) -> list[str]:
        state = get_json(f"http://{MASTER}:{self.page}/json/") or {"workers": []}
        return [worker["host"] for worker in state["workers"] if worker["state"] == "ALIVE"]

    def _daemon(self, name: str, address: str, options: Sequence[str]) -> Daemon:
        folder = self.folder / address
        folder.mkdir(exist_ok=True)
        with (folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [SPARK_HOME / "bin/spark-class", f"org.apache.spark.deploy.{name}", *options],
                env=self.environment(
                    SPARK_LOCAL_IP=address,
                    SPARK_LOCAL_DIRS=str(folder / "scratch"),
                    SPARK_DAEMON_MEMORY="256m",
                    SPARK_DAEMON_JAVA_OPTS=QUICK_JAVA,
                ),
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return Daemon(process, address, folder)

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment that knows nothing of the sources but conf/cluster."""
        ours = ("SPARK", "PYSPARK", "PYTHON", "GALSPEC", "VIRTUAL_ENV")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return {
            **inherited,
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_CONF_DIR": str(ROOT / "conf/cluster"),
            "_SPARK_AUTH_SECRET": self.secret,
            **more,
        }

    def start_job(self, script: Path, *options: str, **settings: str) -> Job:
        """Submit a script with its options and settings of Spark."""
        folder = self.folder / f"job-{len(self.jobs)}"
        folder.mkdir()
        page = free_port()
        chosen = {
            **SETTINGS,
            "spark.pyspark.python": str(self.python),
            "spark.ui.port": str(page),
            **settings,
        }
        command = [str(SPARK_HOME / "bin/spark-submit"), "--master", self.url]
        command += ["--py-files", str(self.package)]
        command += [f"--conf={key}={value}" for key, value in chosen.items()]
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [*command, str(script), *options],
                env=self.environment(SPARK_LOCAL_IP=MASTER),
                cwd=folder,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        self.jobs.append(Job(process, folder, f"http://{MASTER}:{page}"))
        return self.jobs[-1]

    @contextmanager
    def frozen(
        self, job: Job, stage: str, moment: Callable[[], bool] | None = None
    ) -> Iterator[Daemon]:
        """Stop time at a moment when a task of a stage is running; offer the worker that runs it.

        Spark's page may be late, so it is asked again when nothing can change any more.
        """
        busy: set[str] = set()
        while job.is_running and not job.says(BEGINS.get(stage, "")):
            time.sleep(0.02)
        while not busy and job.is_running:
            if moment() if moment else job.busy(stage):
                self._signal_executors(signal.SIGSTOP)
                time.sleep(SETTLED)
                busy = job.busy(stage) if moment is None or moment() else set()
                if not busy:
                    self._signal_executors(signal.SIGCONT)
            else:
                time.sleep(0.002 if moment else 0.02)
        assert busy, f"{stage}: the job ended before"
        yield self.workers[min(busy)]
        self._signal_executors(signal.SIGCONT)

    def _signal_executors(self, number: signal.Signals) -> None:
        for worker in self.workers.values():
            worker.signal_executors(number)

    def stop(self) -> None:
        """End everything that this cluster started."""
        for job in self.jobs:
            kill(job.process.pid)
        for daemon in [*self.workers.values(), *filter(None, [self.master])]:
            daemon.stop()

    def sessions(self) -> list[int]:
        """Return the sessions of all that was started."""
        daemons = [*self.workers.values(), *filter(None, [self.master])]
        return [each.process.pid for each in [*self.jobs, *daemons]]


def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and stop it afterwards whatever happened."""
    sources = folder / "sources"
    sources.mkdir()
    cluster = Cluster(folder, make_package(sources), make_python(folder / "python"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
    assert not [pid for session in cluster.sessions() for pid in members(session)]
