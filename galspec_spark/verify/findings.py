"""Kinds of findings, their meanings and remedies, and the table of findings for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from galspec_spark.ingest.listing import READ_AGAIN
from galspec_spark.warehouse.storage import Location

WIDTH = 100  # columns of the table

INGEST = "run galspec ingest again"
REREAD = f"{INGEST}: it rereads the files that {READ_AGAIN} in the warehouse lists"
DELETE = "delete the part and verify again, which names its files; then run galspec ingest again"
RECLASSIFY = "delete the part, then run galspec classify again"
DECIDE = "run galspec preprocess again"
MEASURE = "run galspec measure again"
REMEASURE = "delete the part, then run galspec measure again"
REBUILD = "delete the file sample/_state.json, then run galspec preprocess, which redoes all"


class Kind(NamedTuple):
    """One kind of finding."""

    meaning: str
    remedy: str


#: In the order of the table: causes before their effects.
KINDS = {
    "unreadable_part": Kind("parts that cannot be read, or only in part", DELETE),
    "wrong_schema": Kind("parts with wrong columns, or in a wrong folder", DELETE),
    "wrong_statistics": Kind("parts whose footer misstates the files of their rows", DELETE),
    "file_gone": Kind(
        "ingested files that are gone or out of reach", "bring them back; their rows are kept"
    ),
    "file_changed": Kind("files whose size or time changed since they were ingested", INGEST),
    "file_unreadable": Kind(
        "unchanged files that were read once and now cannot be",
        "bring back good copies; their rows are kept",
    ),
    "not_ingested": Kind("files of --input that were never ingested", INGEST),
    "duplicate_account": Kind("files with more than one row in files", REREAD),
    "impossible_account": Kind("rows of files that contradict themselves", REREAD),
    "wrong_account": Kind("files with more or fewer spectra than files says", REREAD),
    "missing_rows": Kind("rows that files counts but spectra does not have", REREAD),
    "surplus_rows": Kind("rows that spectra has but files does not count", REREAD),
    "rows_without_account": Kind("rows whose file is not in files", REREAD),
    "rows_of_quarantined": Kind("rows whose file was quarantined", REREAD),
    "duplicate_rows": Kind("rows that repeat another row of the same file", REREAD),
    "same_spectrum": Kind(
        "spectra that were read from two files",
        "none needed: preprocess uses one of the two; or ingest only one of the files",
    ),
    "altered_rows": Kind("rows that differ from their file", REREAD),
    "wrong_lengths": Kind("rows whose arrays do not have one value for each pixel", DELETE),
    "null_pixels": Kind("rows with a null pixel", DELETE),
    "not_finite": Kind("rows with a number that is infinite or not a number", DELETE),
    "wrong_quality": Kind("rows whose quality bits do not match their pixels", DELETE),
    "wrong_folder": Kind("rows in the folder of another survey or release", DELETE),
    "wrong_healpix": Kind("rows whose healpix29 does not match their position", DELETE),
    "not_sorted": Kind("rows out of the order of healpix29", DELETE),
    "restframe_rows": Kind("rows that only one of spectra and restframe has", REBUILD),
    "restframe_outdated": Kind("parts of spectra added or removed since restframe", DECIDE),
    "lines_rows": Kind("rows that only one of spectra and lines has", REMEASURE),
    "lines_outdated": Kind("parts of spectra added or removed since lines", MEASURE),
    "impossible_lines": Kind("rows of lines that contradict themselves", REMEASURE),
    "missing_decisions": Kind("rows of spectra that sample does not have", DECIDE),
    "surplus_decisions": Kind("rows of sample that spectra does not have", DECIDE),
    "misplaced_decisions": Kind("parts of restframe whose rows differ in sample", REBUILD),
    "impossible_decision": Kind("rows of sample that contradict themselves", REBUILD),
    "wrong_observations": Kind("objects whose number of observations is wrong", REBUILD),
    "wrong_primary": Kind("objects without exactly one primary in a release", REBUILD),
    "impossible_prediction": Kind("rows of catalog that contradict themselves", RECLASSIFY),
    "duplicate_predictions": Kind("spectra that one model classified twice", RECLASSIFY),
}


@dataclass(frozen=True)
class Finding:
    """A problem in one table, or in a part of it."""

    kind: str  #: a key of `KINDS`
    table: str
    count: int  #: rows, parts, files or objects, by kind
    example: str


def summed(findings: Iterable[Finding], root: Location) -> list[dict[str, Any]]:
    """Sum findings by kind and table, for a summary.

    Parameters
    ----------
    root
        Folder of the warehouse; examples name its parts relative to it.

    Returns
    -------
    list of dict
        ``finding``, ``table``, ``count``, ``meaning``, ``example``, ``remedy``, ordered as `KINDS`.
    """
    counts: dict[tuple[str, str], int] = {}
    examples: dict[tuple[str, str], str] = {}
    for finding in findings:
        key = (finding.kind, finding.table)
        counts[key] = counts.get(key, 0) + finding.count
        examples[key] = min(examples.get(key, finding.example), finding.example)
    order = list(KINDS)
    return [
        {
            "finding": kind,
            "table": table,
            "count": counts[kind, table],
            "meaning": KINDS[kind].meaning,
            "example": examples[kind, table].replace(f"{root}/", ""),
            "remedy": RECLASSIFY if table == "catalog" else KINDS[kind].remedy,
        }
        for kind, table in sorted(counts, key=lambda key: (order.index(key[0]), key[1]))
    ]


def as_text(findings: list[dict[str, Any]]) -> str:
    """Return the result of `summed` as a text table of `WIDTH` columns."""
    if not findings:
        return "no findings"
    lines = [f"{'finding':22}{'table':12}{'count':>12}"]
    for finding in findings:
        lines += ["-" * WIDTH]
        lines += [f"{finding['finding']:22}{finding['table']:12}{finding['count']:>12,}"]
        for name in ("meaning", "example", "remedy"):
            lines += textwrap.wrap(
                finding[name],
                WIDTH,
                initial_indent=f"  {name:9}",
                subsequent_indent=" " * 11,
                break_on_hyphens=False,
                break_long_words=False,  # so that a path can be copied
            )
    return "\n".join(lines)
