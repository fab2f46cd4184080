"""The content of ``run.json``: the outcome of each step of a release."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue


class StepRecord(BaseModel):
    """One step; a waiting step has only its name."""

    model_config = ConfigDict(extra="forbid")

    name: str
    state: Literal["waiting", "running", "done", "skipped", "failed"] = "waiting"
    seconds: float | None = None
    key: str | None = None  #: identifies all inputs of the result
    result: dict[str, JsonValue] | None = None
    error: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the step has a result."""
        return self.state in ("done", "skipped")


class RunRecord(BaseModel):
    """One run of the release job."""

    model_config = ConfigDict(extra="forbid")

    job: str
    release: str
    model: str
    version: str
    run_id: str
    config_hash: str
    command: str  #: as in `galspec_spark.harness.run.Run`
    inputs: tuple[str, ...]  #: files and folders as given
    warehouse: str
    started: str  #: UTC
    status: Literal["running", "done", "attention", "failed"] = "running"
    seconds: float | None = None
    steps: list[StepRecord]

    def result(self, step: str) -> dict[str, JsonValue] | None:
        """Return the result of a step; None before it is done."""
        return next((each.result for each in self.steps if each.name == step), None)
