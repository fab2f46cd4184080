"""A chain of steps whose states are kept in a file: a rerun goes on where the last one ended."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galspec_spark.errors import cause_of
from galspec_spark.harness.run import Run
from galspec_spark.warehouse.storage import Location, write_json

log = logging.getLogger(__name__)

Summary = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One step of a job."""

    name: str
    work: Callable[[], Summary]  #: does it; its result has ``findings`` where something is wrong
    #: Names all that the result depends on; None where only the work itself can tell.
    key: Callable[[], str | None] = lambda: None
    #: The file that it writes, without which it has to be done again.
    makes: Path | None = None
    #: Tells from a result whether there was nothing to do.
    nothing_done: Callable[[Summary], bool] = lambda _: False


class Steps:
    """The file ``run.json``: what became of each step.

    Its ``status`` is ``running``, ``done``, ``attention`` (done, with findings) or ``failed``; the
    state of a step is ``waiting``, ``running``, ``done``, ``skipped`` or ``failed``.
    """

    def __init__(self, place: Location, run: Run, about: dict[str, Any], names: list[str]) -> None:
        self._place = place
        self._before = _read_steps(place)
        self.content: dict[str, Any] = {
            "job": run.job,
            **about,
            **run.columns(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "status": "running",
            "steps": [{"name": name, "state": "waiting"} for name in names],
        }
        self._run = run
        self._write()

    def run(self, step: Step) -> Summary:
        """Do a step, or return its earlier result where it would be the same."""
        entry = next(one for one in self.content["steps"] if one["name"] == step.name)
        started = time.monotonic()
        entry["state"] = "running"
        self._write()
        try:
            key = step.key()
            earlier = self._before.get(step.name, {})
            is_there = step.makes is None or step.makes.exists()
            is_same = key is not None and earlier.get("key") == key and is_there
            summary = earlier["result"] if is_same else step.work()
        except Exception as error:
            entry |= {"state": "failed", "error": cause_of(error)}
            self._finish("failed")
            raise
        skipped = is_same or step.nothing_done(summary)
        if skipped:
            summary = earlier.get("result", summary)
        entry |= {
            "state": "skipped" if skipped else "done",
            "seconds": round(time.monotonic() - started, 2),
            "key": key,
            "result": summary,
        }
        log.info("%s: %s", step.name, entry["state"])
        self._write()
        return dict(summary)

    def end(self) -> list[Any]:
        """Note that all steps are done; return what they found."""
        results = [entry.get("result", {}) for entry in self.content["steps"]]
        findings = [finding for result in results for finding in result.get("findings", [])]
        self._finish("attention" if findings else "done")
        return findings

    def _finish(self, status: str) -> None:
        self.content |= {"status": status, "seconds": self._run.seconds()}
        self._write()

    def _write(self) -> None:
        write_json(self._place, self.content)


def _read_steps(place: Location) -> dict[str, dict[str, Any]]:
    """Return the finished steps of an earlier run, by name."""
    if not place.exists():
        return {}
    steps: list[dict[str, Any]] = json.loads(place.read())["steps"]
    return {step["name"]: step for step in steps if step["state"] in ("done", "skipped")}
