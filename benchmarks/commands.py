"""Commands, how long they take, and the CPU time and memory of them and all that they start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
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
    cpu_seconds: float  #: of the process and its descendants together, see `cpu_seconds_of`
    peak_bytes: int  #: likewise, see `memory_of`
    stdout: str


def run_command(command: list[str], good: Sequence[int] = (0,)) -> Finished:
    """Run a command to its end and watch it.

    Parameters
    ----------
    good
        Exit codes of a command that ended well.

    Raises
    ------
    UserError
        If its exit code is another; the message ends with the last line of its stderr.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = Watch(process.pid)
        watch.start()
        stdout, stderr = process.communicate()
        watch.stop()
    seconds = time.perf_counter() - started
    if process.returncode not in good:
        cause = (stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{' '.join(command)} ended with {process.returncode}: {cause[:300]}")
    return Finished(round(seconds, 3), round(watch.cpu_seconds, 2), watch.bytes, stdout)


class Watch(threading.Thread):
    """Looks at a process and its descendants until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self.cpu_seconds = 0.0
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self._stopped.wait(INTERVAL):
            self.bytes = max(self.bytes, memory_of(self._pid))
            self.cpu_seconds = max(self.cpu_seconds, cpu_seconds_of(self._pid))

    def stop(self) -> None:
        """Stop looking; ``bytes`` and ``cpu_seconds`` are the most that was seen."""
        self._stopped.set()
        self.join()


def memory_of(pid: int) -> int:
    """Return the bytes that a process and all its descendants hold, files apart.

    Pages of files, such as libraries, are many processes' and the system's to drop. A process that
    ends meanwhile counts 0.
    """
    pages = 0
    for process in family_of(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            _, resident, of_files, *_ = Path(f"/proc/{process}/statm").read_text().split()
            pages += int(resident) - int(of_files)
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time of a process and its descendants, those that ended included."""
    ticks = sum(sum(map(int, fields[11:15])) for fields in family_of(pid).values())
    return ticks / os.sysconf("SC_CLK_TCK")


def family_of(pid: int) -> dict[int, list[str]]:
    """Return a process and its descendants: the fields of Linux's /proc/PID/stat from the state on.

    See proc(5): the second is the parent; the twelfth to fifteenth are the CPU time of the process
    and of those of its children that it has waited for.
    """
    found: dict[int, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name, in parentheses, may hold anything.
            found[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
    family = {pid}
    while grown := {each for each, fields in found.items() if int(fields[1]) in family} - family:
        family |= grown
    return {each: found[each] for each in family & found.keys()}
