"""The command that started a run, as reports show it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from galspec_spark.errors import without_passwords

#: A setting whose name says that its value is a secret, as Spark's own redaction knows them.
SECRET = re.compile(
    r"(?i)(\S*(?:secret|passw|token|credential|access[._-]?key)[^=:]*[=:]).*", re.DOTALL
)


def command_line(program: str, arguments: Sequence[str]) -> str:
    """Return a command as a shell takes it, with the options as given, but without secrets.

    Parameters
    ----------
    program
        ``galspec run``, or the path of a job that spark-submit started.
    """
    begin = f"spark-submit {shlex.quote(program)}" if program.endswith(".py") else program
    shown = [SECRET.sub(r"\1***", without_passwords(each)) for each in arguments]
    return " ".join([begin, *map(shlex.quote, shown)])
