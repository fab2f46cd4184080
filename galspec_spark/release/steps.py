"""A chain of steps whose states are kept in a file, so that a rerun resumes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError
from pydantic_core import to_jsonable_python

from galspec_spark.errors import without_passwords
from galspec_spark.harness.outcome import Outcome, message_of
from galspec_spark.harness.record import RunRecord, StepRecord
from galspec_spark.harness.run import Run, Summary
from galspec_spark.warehouse.storage import Location, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One step of a job."""

    name: str
    work: Callable[[], Summary]  #: does the step; the result may have ``findings``
    #: Identifies all that the result depends on; None if only the work can tell.
    key: Callable[[], str | None] = lambda: None
    #: File that the step writes; without the file the step is done again.
    makes: Path | None = None
    #: Returns from a result whether the step had nothing to do.
    nothing_done: Callable[[Summary], bool] = lambda _: False


class Steps:
    """The file ``run.json``, kept up to date step by step.

    The run's ``status`` is ``attention`` if it is done with findings.
    """

    def __init__(
        self,
        place: Location,
        run: Run,
        names: Sequence[str],
        *,
        release: str,
        model: str,
        inputs: Sequence[str],
        warehouse: str,
    ) -> None:
        self._place = place
        self._before = _read_steps(place)
        self._run = run
        self.record = RunRecord(
            job=run.job,
            release=release,
            model=model,
            **run.columns(),
            command=run.command,
            inputs=tuple(map(without_passwords, inputs)),
            warehouse=warehouse,
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            steps=[StepRecord(name=name) for name in names],
        )
        self._write()

    def run(self, step: Step) -> None:
        """Do a step, or take its earlier result if that still holds."""
        entry = next(entry for entry in self.record.steps if entry.name == step.name)
        entry.state = "running"
        self._write()
        try:
            with self._run.trail.step(step.name) as outcome:
                self._do(step, entry, outcome)
        except Exception as error:
            entry.state, entry.error = "failed", message_of(error)
            self._finish("failed")
            raise
        entry.seconds = outcome.seconds
        self._write()

    def _do(self, step: Step, entry: StepRecord, outcome: Outcome) -> None:
        entry.key = step.key()
        same = self._same_result(step, entry.key)
        result = to_jsonable_python(step.work()) if same is None else same
        skipped = same is not None or step.nothing_done(result)
        earlier = self._before.get(step.name)
        entry.result = earlier.result if skipped and earlier else result
        entry.state = "skipped" if skipped else "done"
        if same is None:
            outcome.take(result)
        if skipped:
            outcome.status = "skipped"
        log.info("%s: %s", step.name, entry.state)

    def _same_result(self, step: Step, key: str | None) -> dict[str, JsonValue] | None:
        """Return the earlier result of a step if it still holds, else None."""
        earlier = self._before.get(step.name)
        if earlier is None or key is None or earlier.key != key:
            return None
        is_written = step.makes is None or step.makes.exists()
        return earlier.result if is_written else None

    def end(self) -> list[JsonValue]:
        """Record that all steps are done; return their findings."""
        findings = self.all_of("findings")
        self._finish("attention" if findings else "done")
        return findings

    def all_of(self, name: str) -> list[JsonValue]:
        """Return the items of the lists of this name in the results of all steps."""
        lists = [(entry.result or {}).get(name) for entry in self.record.steps]
        return [item for found in lists if isinstance(found, list) for item in found]

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
        log.warning("%s is damaged or of another version: every step is done again", place)
        return {}
    return {step.name: step for step in steps if step.is_done}
