"""Errors that are a message to the user: one line that says what, where and what to do."""

import re
from collections.abc import Mapping

#: What a failed task of an executor says that ran out of memory, or its exit code.
EXECUTOR_FULL = re.compile(
    r"executor (?!driver)\S+: \S*OutOfMemoryError|(?:exited with (?:exit )?code|Exit status:) 52\b"
)


class UserError(Exception):
    """A job cannot go on (exit code 1)."""


class ConfigError(UserError):
    """The options or the configuration are wrong (exit code 2)."""


class NothingRead(UserError):
    """Every file of the input is quarantined (exit code 4); the summary is kept all the same."""

    def __init__(self, message: str, summary: Mapping[str, object]) -> None:
        super().__init__(message)
        self.summary = summary


def cause_of(error: Exception) -> str:
    """Return the line that names the cause; Spark buries it under stack traces."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return f"{error.filename}: {what}" if error.filename else what
    text = str(error)
    if EXECUTOR_FULL.search(text):
        return (
            "an executor of Spark ran out of memory: set --executor-memory (spark.executor.memory)"
        )
    if "OutOfMemoryError" in text:
        return "Spark's driver ran out of memory: set --driver-memory (spark.driver.memory)"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    python_errors = [
        line
        for line in lines
        if line.partition(":")[0].endswith(("Error", "Exception"))
        and not line.startswith(("org.", "java.", "py4j."))
    ]
    cause = python_errors[-1] if python_errors else (lines[0] if lines else "")
    for_user = cause.removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")
    return for_user if for_user != cause else f"{type(error).__name__}: {cause}"
