"""Errors of the data source without Python's stack trace, which says nothing to the user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from galspec_spark.errors import UserError


@contextmanager
def in_one_line() -> Iterator[None]:
    """Let the worker report a `UserError` as its line alone.

    pyspark reads the variable when it reports the error, and then ends the worker. No other error
    is reported in this way.
    """
    try:
        yield
    except UserError:
        os.environ["SPARK_HIDE_TRACEBACK"] = "1"
        raise
