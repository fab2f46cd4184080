"""A summary as lines for people: its short values, rounded to what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from galspec_spark.harness.run import Summary

#: What made a summary; the first job that prints one tells it for all of a run.
FRAME = ("job", "status", "version", "run_id", "config_hash", "seconds")
#: Findings that are printed; the report and the summary have all of them.
MOST_FOUND = 3


def job_lines(summary: Summary) -> Iterator[str]:
    """Return the values of a job's summary that fit a line, and what the job found."""
    for key, value in summary.items():
        if key == "found" and isinstance(value, list):
            names = ["found"] + [""] * MOST_FOUND
            yield from map(_row, names, _most(value or ["nothing"]))
        elif isinstance(value, str | int | float):
            yield _row(key, value_text(key, value))


def stage_lines(summary: Summary) -> Iterator[str]:
    """Return the same of a stage of a run: its name and time, then its own values."""
    yield f"{summary['job']}: done in {value_text('seconds', summary['seconds'])} s"
    yield from job_lines({key: summary[key] for key in summary if key not in FRAME})


def value_text(key: str, value: object) -> str:
    """Return a value with the digits that mean something, given its name in the summary."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        decimals = (1 if value < 100 else 0) if key.endswith("seconds") else 3
        return f"{value:,.{decimals}f}"
    return str(value)


def _most(found: list[str]) -> list[str]:
    if len(found) <= MOST_FOUND:
        return found
    return [*found[: MOST_FOUND - 1], f"and {len(found) - MOST_FOUND + 1:,} more"]


def _row(key: str, text: str) -> str:
    return f"{key:>24}  {text}"
