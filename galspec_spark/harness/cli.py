"""The frame of every job: options, configuration, logging, session, summary and exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pyspark.sql import SparkSession

from galspec_spark import __version__
from galspec_spark.config import SHIPPED, load_config
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.command_line import command_line
from galspec_spark.harness.console import CLEAR_LINE, clear_line, use_real_stderr
from galspec_spark.harness.monitor import Places, watched
from galspec_spark.harness.names import keep_names
from galspec_spark.harness.options import GivenOnce, check_texts, settings_of
from galspec_spark.harness.outcome import (
    DONE,
    PROBLEM_FOUND,
    exit_code_of,
    message_of,
)
from galspec_spark.harness.run import Run, Summary, read_summaries, summarise
from galspec_spark.harness.session import open_session
from galspec_spark.harness.text import job_lines
from galspec_spark.warehouse.storage import Location

#: Jobs whose release is the configuration's.
NAMING_RELEASE = ("ingest", "run", "release")

log = logging.getLogger(__name__)

#: The work of a job: it takes the session, the run (with its configuration) and the options, and
#: returns the content of the summary.
Work = Callable[[SparkSession, Run, argparse.Namespace], Summary]
WorkWithoutSpark = Callable[[Run, argparse.Namespace], Summary]
#: What a job checks before the session is opened, which takes seconds.
Check = Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are those of all wrong usage: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise ConfigError(f"{message}; {self.prog} --help shows the options")


def job_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every job has."""
    parser = Parser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.register("action", None, GivenOnce)
    parser.add_argument(
        "--config",
        metavar="FILE",
        help=f"YAML file, or one of the package's own: {', '.join(SHIPPED)}",
    )
    parser.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="change one value of the configuration (repeatable; the last counts)",
    )
    parser.add_argument("--version", action="version", version=f"galspec_spark {__version__}")
    return parser


def run_job(
    job: str,
    parser: argparse.ArgumentParser,
    work: Work,
    *,
    output: str,
    before: Check = lambda _: None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run one job from its command line and return its exit code.

    Parameters
    ----------
    job
        The job's name, for example ``ingest``.
    parser
        From `job_parser`, with the job's own options added.
    work
        The work of the job.
    output
        Name of the option that holds the output folder, where ``summary.json`` goes.
    before
        Fails where the work could not begin, before Spark starts.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong usage or configuration (the cause is one line on stderr), 3 where
        the summary has ``findings``, 4 where every file of the input is quarantined.
    """

    def with_session(run: Run, args: argparse.Namespace) -> Summary:
        before(args)
        with open_session(f"galspec {job}", run.config) as spark:
            return work(spark, run, args)

    return run_without_spark(job, parser, with_session, output=output, argv=argv)


def run_without_spark(
    job: str,
    parser: argparse.ArgumentParser,
    work: WorkWithoutSpark,
    *,
    output: str,
    argv: Sequence[str] | None = None,
) -> int:
    """Run a job that needs no session; otherwise like `run_job`."""
    use_real_stderr()
    _log_to_stderr()
    try:
        args = parser.parse_args(argv)
        check_texts(args)
        keep_names(sys.argv[1:] if argv is None else argv)
        command = command_line(sys.argv[0], sys.argv[1:] if argv is None else argv)
        summary = _work(job, work, args, Location.of(getattr(args, output)), command)
    except (Exception, KeyboardInterrupt) as error:  # the last place that can name the cause
        log.debug("the job failed", exc_info=True)
        return _fail(message_of(error), exit_code_of(error))
    clear_line()
    print(*job_lines(summary), sep="\n", flush=True)  # noqa: T201 - a job talks to its user
    return PROBLEM_FOUND if summary.get("findings") else DONE


def _log_to_stderr() -> None:
    """Have each message on a line of its own, in the place of a terminal's line of progress."""
    begin = CLEAR_LINE if sys.stderr.isatty() else ""
    form, time = f"{begin}%(asctime)s %(message)s", "%H:%M:%S"
    logging.basicConfig(level=logging.INFO, format=form, datefmt=time, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out py4j's: it logs, as the root, the stack trace of what reaches the job anyway."""
    return "py4j" not in Path(record.pathname).parts


def _work(
    job: str, work: WorkWithoutSpark, args: argparse.Namespace, folder: Location, command: str
) -> Summary:
    config = load_config(args.config, args.overrides, settings_of(args))
    run = Run.start(job, config, command)
    run.trail.release = _release_of(run, args)
    warehouse = getattr(args, "warehouse", None)
    record = folder / ("run.json" if job == "release" else "summary.json")
    places = Places(warehouse and Location.of(warehouse), record)

    def all_of_it() -> Summary:
        _check_writable(folder)
        read_summaries(folder)  # a damaged one would be found when the work is done
        return summarise(folder, run, lambda: work(run, args))

    return watched(run, places, all_of_it)


def _release_of(run: Run, args: argparse.Namespace) -> str | None:
    """Return the release of a job; None for all."""
    if run.job in NAMING_RELEASE:
        return run.config.ingest.release
    return getattr(args, "release", None)


def _check_writable(output: Location) -> None:
    """Fail before the work if its output could not be written."""
    if not output.is_local:
        return
    folder = Path(output.path)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"cannot write to {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"cannot write to {folder}: no permission in {existing}")


def _fail(cause: str, code: int) -> int:
    logging.shutdown()
    clear_line()
    print(f"error: {cause}", file=sys.stderr)  # noqa: T201
    return code
