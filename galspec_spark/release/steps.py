"""A chain of steps whose states are kept in a file: a rerun goes on where the last one ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError
from pydantic_core import to_jsonable_python

from galspec_spark.errors import cause_of
from galspec_spark.harness.record import RunRecord, StepRecord
from galspec_spark.harness.run import Run, Summary
from galspec_spark.warehouse.storage import Location, write_json

log = logging.getLogger(__name__)


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
    """The file ``run.json``, kept up to date step by step.

    The run's ``status`` is ``attention`` where it is done, but with findings.
    """

    def __init__(
        self, place: Location, run: Run, release: str, model: str, names: Sequence[str]
    ) -> None:
        self._place = place
        self._before = _read_steps(place)
        self._run = run
        self.record = RunRecord(
            job=run.job,
            release=release,
            model=model,
            **run.columns(),
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            steps=[StepRecord(name=name) for name in names],
        )
        self._write()

    def run(self, step: Step) -> None:
        """Do a step, or take its earlier result where it would be the same."""
        entry = next(each for each in self.record.steps if each.name == step.name)
        started = time.monotonic()
        entry.state = "running"
        self._write()
        try:
            entry.key = step.key()
            same = self._same_result(step, entry.key)
            result = to_jsonable_python(step.work()) if same is None else same
        except Exception as error:
            entry.state, entry.error = "failed", cause_of(error)
            self._finish("failed")
            raise
        skipped = same is not None or step.nothing_done(result)
        earlier = self._before.get(step.name)
        entry.result = earlier.result if skipped and earlier else result
        entry.state = "skipped" if skipped else "done"
        entry.seconds = round(time.monotonic() - started, 2)
        log.info("%s: %s", step.name, entry.state)
        self._write()

    def _same_result(self, step: Step, key: str | None) -> dict[str, JsonValue] | None:
        """Return the earlier result of a step that would be the same now; None without one."""
        earlier = self._before.get(step.name)
        if earlier is None or key is None or earlier.key != key:
            return None
        is_written = step.makes is None or step.makes.exists()
        return earlier.result if is_written else None

    def end(self) -> list[JsonValue]:
        """Note that all steps are done; return what they found."""
        found = [(entry.result or {}).get("findings") for entry in self.record.steps]
        findings = [each for some in found if isinstance(some, list) for each in some]
        self._finish("attention" if findings else "done")
        return findings

    def _finish(self, status: Literal["done", "attention", "failed"]) -> None:
        self.record.status, self.record.seconds = status, self._run.seconds()
        self._write()

    def _write(self) -> None:
        write_json(self._place, self.record.model_dump(mode="json", exclude_none=True))


def _read_steps(place: Location) -> dict[str, StepRecord]:
    """Return the finished steps of an earlier run, by name."""
    if not place.exists():
        return {}
    try:
        steps = RunRecord.model_validate_json(place.read()).steps
    except ValidationError:
        log.warning("%s is not of this version: every step is done again", place)
        return {}
    return {step.name: step for step in steps if step.is_done}
