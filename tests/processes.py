"""Processes by the session that they belong to, and the end of all of them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def kill(session: int) -> None:
    """Kill all processes of a session with SIGKILL: a driver, its JVM, the Python workers.

    The workers are in a process group of their own.
    """
    while pids := members(session):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)  # a look at all processes takes a while itself


def members(session: int) -> list[int]:
    """Return the living processes of a session."""
    return [
        int(entry)
        for entry in os.listdir("/proc")
        if entry.isdigit() and _session_of(int(entry)) == session
    ]


def _session_of(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[3])
