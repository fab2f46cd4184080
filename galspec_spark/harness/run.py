"""The run that made a table, a model or a file: its name, version, configuration and time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galspec_spark import __version__
from galspec_spark.config import Config
from galspec_spark.errors import NothingRead
from galspec_spark.harness.outcome import Trail
from galspec_spark.warehouse.records import read_json
from galspec_spark.warehouse.storage import Location, write_json


@dataclass(frozen=True)
class Run:
    """One run of one job."""

    job: str
    id: str  #: sorts by time, for example ``20260131T120000-1f3a``
    config: Config
    started: float  #: seconds, of `time.monotonic`
    trail: Trail  #: its steps so far
    command: str = ""  #: the command line, without secrets; empty for a call from Python

    @classmethod
    def start(cls, job: str, config: Config, command: str = "") -> Run:
        """Name a run that begins now."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{now}-{secrets.token_hex(2)}"
        return cls(job, name, config, time.monotonic(), Trail(job), command)

    def seconds(self) -> float:
        """Return the time since the start."""
        return round(time.monotonic() - self.started, 2)

    def columns(self) -> dict[str, str]:
        """Return the provenance columns that every row of a table carries."""
        return {"version": __version__, "run_id": self.id, "config_hash": self.config.hash()}


#: The result of a job, which ``summary.json`` keeps.
Summary = Mapping[str, object]


def write_summary(folder: Path | Location, run: Run, content: Summary) -> Summary:
    """Put a job's summary into ``summary.json``, beside the summaries of other jobs.

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
    place = Location.of(folder) / "summary.json"
    write_json(place, {**read_summaries(folder), run.job: summary})
    return summary


def run_stage(
    run: Run, job: str, folder: Path | Location, work: Callable[[Run], Summary]
) -> Summary:
    """Do the work of a job as a part of another run, and write the summary of the job."""
    own = replace(Run.start(job, run.config, run.command), id=run.id, trail=run.trail)
    return summarise(folder, own, lambda: work(own))


def summarise(folder: Path | Location, run: Run, work: Callable[[], Summary]) -> Summary:
    """Do the work of a job and write its summary, also where it could read no file."""
    try:
        content = work()
    except NothingRead as error:
        write_summary(folder, run, {**error.summary, "status": "failed"})
        raise
    return write_summary(folder, run, content)


def read_summaries(folder: Path | Location) -> dict[str, Any]:
    """Return the last summary of each job that wrote to a folder, by the job's name."""
    place = Location.of(folder) / "summary.json"
    if not place.exists():
        return {}
    remedy = "delete it (it only tells of earlier runs) and run the same command again"
    return read_json(place, dict[str, dict[str, Any]], remedy)
