"""The command ``galspec``: each job by its name, started without spark-submit."""

from __future__ import annotations

import ast
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from galspec_spark import __version__
from galspec_spark.harness.outcome import DONE, WRONG_USAGE

#: The jobs, along the way of the data.
JOBS = (
    "run", "simulate", "download", "ingest", "preprocess", "measure", "train", "classify", "drift",
    "changes", "diff", "view", "release", "verify", "compact", "remove", "migrate",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job that the first argument names; return its exit code."""
    name, *options = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(_overview())
        return DONE
    if name == "--version":
        print(f"galspec_spark {__version__}")
        return DONE
    if name not in JOBS:
        print(f"error: no command {name!r}: there are {', '.join(JOBS)}", file=sys.stderr)
        return WRONG_USAGE
    sys.argv = [f"galspec {name}", *options]
    # What follows pyspark-shell is of no use to Spark, but conf/spark-env.sh goes by the job.
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", shlex.join(["pyspark-shell", name, *options]))
    code: int = import_module(f"galspec_spark.jobs.{name}").main()
    return code


def _overview() -> str:
    lines = [f"  {name:12}{_summary(name)}" for name in JOBS]
    return "\n".join(
        [
            "usage: galspec COMMAND [OPTION ...]\n",
            *lines,
            "\ngalspec COMMAND --help shows its options.",
        ]
    )


def _summary(job: str) -> str:
    """Return the first line of a job's docstring, without importing all that the job needs."""
    source = Path(__file__).with_name("jobs") / f"{job}.py"
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    assert docstring is not None
    return docstring.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
