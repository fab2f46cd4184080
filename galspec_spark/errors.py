"""Errors that are a message to the user: one line that says what, where and what to do."""

import re
from collections.abc import Mapping

#: What a failed task of an executor says that ran out of memory, or its exit code.
EXECUTOR_FULL = re.compile(
    r"executor (?!driver)\S+: \S*OutOfMemoryError|(?:exited with (?:exit )?code|Exit status:) 52\b"
)
#: How py4j begins the text of an error that no class of pyspark stands for.
CALLING = "An error occurred while calling "
#: What Spark puts before the error of a task.
LOST_TASK = re.compile(r"^.*most recent failure: Lost task .*?\([^)]*executor [^)]*\): ")


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
    if lacks_memory(text):
        whose = "executor" if EXECUTOR_FULL.search(text) else "driver"
        who = "an executor of Spark" if whose == "executor" else "Spark's driver"
        return f"{who} ran out of memory: set --{whose}-memory (spark.{whose}.memory)"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    python_errors = [
        line
        for line in lines
        if line.partition(":")[0].endswith(("Error", "Exception"))
        and not line.startswith(("org.", "java.", "py4j."))
    ]
    cause = python_errors[-1] if python_errors else java_cause(text)
    for_user = cause.removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")
    is_wrapped = not python_errors and text.startswith(CALLING)
    return for_user if for_user != cause or is_wrapped else f"{type(error).__name__}: {cause}"


def without_passwords(text: str) -> str:
    """Return a text in which addresses have no user, password, query or fragment."""
    hidden = re.sub(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,3})\S*@", r"\1***@", text)
    return re.sub(r"(?i)\b([a-z][a-z0-9+.-]*:/{1,3}[^\s?#]*)[?#][^\s'\"]*", r"\1?***", hidden)


def lacks_memory(text: str) -> bool:
    """Tell whether an error says that Java ran out of memory."""
    return "OutOfMemoryError" in text or EXECUTOR_FULL.search(text) is not None


def java_cause(text: str) -> str:
    """Return the line of a Java error that names the cause, without the calls around it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if text.startswith(CALLING) and len(lines) > 1:
        lines = [lines[1].removeprefix(": "), *lines[2:]]
    return LOST_TASK.sub("", lines[0]) if lines else ""
