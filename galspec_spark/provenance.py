"""Which run made a table, a model or a file: its name, version, configuration and time."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galspec_spark import __version__
from galspec_spark.config import Config


@dataclass(frozen=True)
class Run:
    """One run of one job."""

    job: str
    id: str  #: sorts by time, for example ``20260131T120000-1f3a``
    config: Config
    started: float  #: seconds, of `time.monotonic`

    @classmethod
    def start(cls, job: str, config: Config) -> Run:
        """Name a run that begins now."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        return cls(job, f"{now}-{secrets.token_hex(2)}", config, time.monotonic())

    def seconds(self) -> float:
        """Return the time since the start."""
        return round(time.monotonic() - self.started, 2)

    def columns(self) -> dict[str, str]:
        """Return the provenance columns that every row of a table carries."""
        return {"version": __version__, "run_id": self.id, "config_hash": self.config.hash()}


def write_summary(folder: Path, run: Run, content: dict[str, Any]) -> dict[str, Any]:
    """Put a job's summary into ``summary.json``, beside those of the other jobs of that folder.

    Returns
    -------
    dict
        The summary as written: the content after job, run and seconds.
    """
    summary = {
        "job": run.job,
        "status": "done",
        **run.columns(),
        "seconds": run.seconds(),
        **content,
    }
    write_json(folder / "summary.json", {**read_summaries(folder), run.job: summary})
    return summary


def read_summaries(folder: Path) -> dict[str, Any]:
    """Return the last summary of each job that wrote to a folder, by the job's name."""
    path = folder / "summary.json"
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that is either whole or not there."""
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False).encode() + b"\n")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
