"""The reference of the commands, made of the parsers that read their options."""

from __future__ import annotations

import argparse
import html
from importlib import import_module
from unittest.mock import patch

from galspec_spark.command import JOBS
from galspec_spark.harness.cli import Parser, job_parser

HEAD = """# Commands

`galspec COMMAND` runs a command on this machine; `spark-submit jobs/COMMAND.py` runs it on any
Spark, with the same options. The exit code is 0 (done), 1 (failed), 2 (wrong option or
configuration), 3 (`verify` or `drift` found something) or 4 (every file of the input is
quarantined). All commands have these options:
"""


class _Found(BaseException):  # which no job takes for a failure
    """Carries a parser out of a job."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parser_of(job: str) -> argparse.ArgumentParser:
    """Return the parser of a job, which the job makes when it starts."""

    def stop(parser: argparse.ArgumentParser, *_: object) -> None:
        raise _Found(parser)

    with patch.object(Parser, "parse_args", stop), patch("sys.argv", ["galspec"]):
        try:
            import_module(f"galspec_spark.jobs.{job}").main()
        except _Found as found:
            return found.parser
    raise AssertionError(f"{job} reads no options")


def command_reference() -> str:
    """Return the page."""
    common = options_of(job_parser(None))
    return "\n".join([HEAD, _table(common), *(_command(job, common) for job in JOBS)])


def options_of(parser: argparse.ArgumentParser) -> dict[str, tuple[str, str]]:
    """Return the meaning and the default of each option, by how it is written."""
    return {_written(each): (_meaning(each), _default(each)) for each in parser._actions}


def _command(job: str, common: dict[str, tuple[str, str]]) -> str:
    parser = parser_of(job)
    own = {name: rest for name, rest in options_of(parser).items() if name not in common}
    return f"## {job}\n\n{parser.description}\n\n{_table(own)}"


def _table(options: dict[str, tuple[str, str]]) -> str:
    rows = [
        f"| `{name}` | {html.escape(text)} | {default} |"
        for name, (text, default) in options.items()
    ]
    return "\n".join(["| option | meaning | default |", "|---|---|---|", *rows, ""])


def _written(action: argparse.Action) -> str:
    """Return an option with what it takes, in one of its ways."""
    name = action.option_strings[-1] if action.option_strings else ""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    if not isinstance(value, str):
        value = " ".join(value)
    several = " ..." if action.nargs == "+" else ""
    return f"{name} {value}{several}".strip().replace("|", r"\|")


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    return f"{text} (required)" if action.required else text


def _default(action: argparse.Action) -> str:
    if "." in action.dest:
        section = action.dest.partition(".")[0]
        return f"`{action.dest}` of the [configuration](configuration.md#{section})"
    if action.default in (None, False, [], argparse.SUPPRESS):
        return ""
    return f"`{action.default}`"
