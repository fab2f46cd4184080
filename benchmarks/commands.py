"""Commands, how long they take and how much memory they and all that they start need."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from galspec_spark.errors import UserError

#: Seconds between two looks at the memory; what is there for less may be missed.
INTERVAL = 0.1
#: Beside the interpreter that runs this.
SPARK_SUBMIT = str(Path(sys.executable).with_name("spark-submit"))


@dataclass(frozen=True)
class Finished:
    """A command that ended well."""

    seconds: float
    peak_bytes: int  #: of the process and its descendants together, see `memory_of`
    stdout: str


def run_command(command: list[str]) -> Finished:
    """Run a command to its end and watch it.

    Raises
    ------
    UserError
        If its exit code is not 0; the message ends with the last line of its stderr.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = PeakMemory(process.pid)
        watch.start()
        stdout, stderr = process.communicate()
        watch.stop()
    seconds = time.perf_counter() - started
    if process.returncode:
        cause = (stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{' '.join(command)} ended with {process.returncode}: {cause[:300]}")
    return Finished(round(seconds, 3), watch.bytes, stdout)


class PeakMemory(threading.Thread):
    """Looks at a process and its descendants until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self._stopped.wait(INTERVAL):
            self.bytes = max(self.bytes, memory_of(self._pid))

    def stop(self) -> None:
        """Stop looking; ``bytes`` is the most that was seen."""
        self._stopped.set()
        self.join()


def memory_of(pid: int) -> int:
    """Return the bytes that a process and all its descendants hold, files apart.

    Pages of files, such as libraries, are many processes' and the system's to drop. A process that
    ends meanwhile counts 0.
    """
    parents: dict[int, int] = {}
    held: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything; after it: state, parent, ...
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            _, resident, of_files, *_ = (folder / "statm").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(folder.name)] = int(fields[1])
        held[int(folder.name)] = int(resident) - int(of_files)
    family = {pid}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(held.get(process, 0) for process in family) * os.sysconf("SC_PAGE_SIZE")
