"""The log of a release as JSON lines, each with its run and step."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galspec_spark.harness.run import Run


@contextmanager
def log_to(output: Path, run: Run) -> Iterator[None]:
    """Append the log to ``log.jsonl``, a JSON object a line."""
    output.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(output / "log.jsonl")
    handler.setFormatter(_JsonLines(run))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


class _JsonLines(logging.Formatter):
    """Formats a record as a JSON object, with its time in UTC, the run and its step."""

    converter = staticmethod(time.gmtime)

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(
            {
                "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
                "run_id": self._run.id,
                "step": self._run.trail.current,
                "level": record.levelname,
                "logger": record.name,
                "message": record.getMessage(),
            }
        )
