"""The stderr of a job, the real one: spark-submit sends that of a Python program to stdout.

Java, which started the program, still has the real one, and knows whether a terminal is attached.
"""

from __future__ import annotations

import io
import os
import sys

from pyspark import SparkContext

#: Returns to the beginning of a terminal's line, and clears it.
CLEAR_LINE = "\r\x1b[K"


class JavaStderr(io.TextIOBase):
    """The stderr of the Java process behind this program, as a Python stream."""

    def __init__(self) -> None:
        SparkContext._ensure_initialized()
        self._system = SparkContext._jvm.java.lang.System  # type: ignore[union-attr]

    def write(self, text: str) -> int:
        """Write text at once."""
        self._system.err.print(text)
        return len(text)

    def isatty(self) -> bool:
        """Tell whether a terminal is attached: Java checks both its stdin and its stdout."""
        return self._system.console() is not None


def use_real_stderr() -> None:
    """Replace `sys.stderr` by the real stderr if spark-submit started this program."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        sys.stderr = JavaStderr()


def clear_line() -> None:
    """Clear the line of progress that a terminal may show."""
    if sys.stderr.isatty():
        sys.stderr.write(CLEAR_LINE)
        sys.stderr.flush()
