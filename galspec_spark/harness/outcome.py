"""What became of a run and of each of its steps: exit code, time, counts and cause."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from galspec_spark.errors import ConfigError, NothingRead, cause_of, without_passwords

DONE, FAILED, WRONG_USAGE, PROBLEM_FOUND, NOTHING_READ = 0, 1, 2, 3, 4
INTERRUPTED = "interrupted; run the same command again to go on"


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of a job that ends with an error."""
    if isinstance(error, ConfigError):
        return WRONG_USAGE
    return NOTHING_READ if isinstance(error, NothingRead) else FAILED


def message_of(error: BaseException) -> str:
    """Return the cause in one line, without passwords."""
    cause = cause_of(error) if isinstance(error, Exception) else INTERRUPTED
    return without_passwords(" ".join(cause.splitlines()))


@dataclass
class Outcome:
    """What became of one step, or of a whole run."""

    step: str
    started: datetime  #: UTC
    seconds: float = 0.0
    status: str = "done"  #: or skipped, attention (done with findings), failed
    exit_code: int = DONE
    counts: dict[str, int] = field(default_factory=dict)  #: the summary's whole numbers
    message: str | None = None  #: the cause of a failure, or what was found
    release: str | None = None  #: the one at work when it ended; a run may do several

    def take(self, result: Mapping[str, object]) -> None:
        """Take the counts of a result, and what it found."""
        self.counts = {
            name: value
            for name, value in result.items()
            if isinstance(value, int) and not isinstance(value, bool)
        }
        if result.get("findings"):
            self.status, self.exit_code = "attention", PROBLEM_FOUND
            found = result.get("found")
            self.message = "; ".join(map(str, found)) if isinstance(found, list) else None

    def fail(self, error: BaseException) -> None:
        """Take the cause of a failure."""
        if isinstance(error, NothingRead):
            self.take(error.summary)
        self.status, self.exit_code = "failed", exit_code_of(error)
        self.message = message_of(error)


class Trail:
    """The steps of a run: the one under way, and what became of those before."""

    def __init__(self, job: str) -> None:
        self.current = job  #: the step under way; the job's name between steps
        self.outcomes: list[Outcome] = []  #: in the order in which the steps ended
        self.release: str | None = None
        self.model: str | None = None

    def learn_names(self, result: Mapping[str, object]) -> None:
        """Learn the release and the model from a result, where nothing before named them."""
        release, model = result.get("release"), result.get("model")
        if self.release is None and isinstance(release, str):
            self.release = release
        if self.model is None and isinstance(model, str):
            self.model = model

    def release_of(self, outcome: Outcome) -> str | None:
        """Return the release of a step, which may have been learned after its end."""
        return outcome.release or self.release

    @contextmanager
    def step(self, name: str) -> Iterator[Outcome]:
        """Follow a step; yield its outcome, which takes the result."""
        outcome, began = Outcome(name, datetime.now(UTC)), time.monotonic()
        before, self.current = self.current, name
        try:
            yield outcome
        except (Exception, KeyboardInterrupt) as error:
            outcome.fail(error)
            raise
        finally:
            outcome.release = self.release
            outcome.seconds = round(time.monotonic() - began, 2)
            self.outcomes.append(outcome)
            self.current = before
