"""Checks a warehouse against its files: reads all of it, changes no table, and returns findings.

A release checks its own parts alone, or it would cost what all releases cost.

First each part alone, in one pass over all pages: damage, wrong columns, rows that contradict
themselves, and for the ``files`` table the state of the files. Then the tables against each other,
on narrow columns. Last a sample of the files against their rows. A part that cannot be read is a
finding and is left out of the next steps, so that it hides nothing else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ingest.listing import READ_AGAIN, list_files, read_again
from galspec_spark.verify.files import compare
from galspec_spark.verify.findings import Finding, summed
from galspec_spark.verify.parts import SCHEMAS, check_part
from galspec_spark.verify.tables import DERIVED, reconcile
from galspec_spark.warehouse.parts import may_hold, open_part
from galspec_spark.warehouse.releases import parts_of_release
from galspec_spark.warehouse.sample_rows import read_sample_rows, sample_rows
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

Parts = dict[str, list[Location]]

log = logging.getLogger(__name__)


def verify(
    spark: SparkSession,
    run: Run,
    warehouse: Warehouse,
    *,
    inputs: Sequence[str] = (),
    release: str | None = None,
    sample: int | None = 100,
    seed: int = 1,
) -> dict[str, Any]:
    """Check a warehouse while no other job writes to it.

    Parameters
    ----------
    inputs
        Files and folders of which every file should have been ingested.
    release
        Check only what this release brought, and its objects; None for all.
    sample
        Number of files to read again and compare with their rows; None for all.
    seed
        Seed of the sample.

    Returns
    -------
    dict
        Counts of what was checked, and ``findings``, of `galspec_spark.verify.findings.summed`;
        ``found`` has them in words.

    Raises
    ------
    UserError
        If there is no warehouse, another job is writing to it, or an input does not exist.
    """
    if not any(warehouse.parts(table) for table in SCHEMAS):
        raise UserError(f"no warehouse in {warehouse.root}: galspec ingest makes one")
    listing = list_files(inputs).files["path"] if inputs else None
    leftovers = _leftovers(warehouse)
    with warehouse.writing(run.id):
        counts, findings = _check(spark, warehouse, listing, sample, seed, release)
    sums = summed(findings, warehouse.root)
    return {
        **counts,
        "leftovers": leftovers,
        "problems": sum(finding.count for finding in findings),
        "findings": sums,
        "found": [f"{each['table']}: {each['count']:,} {each['meaning']}" for each in sums],
    }


def _check(
    spark: SparkSession,
    warehouse: Warehouse,
    listing: pa.ChunkedArray | None,
    sample: int | None,
    seed: int,
    release: str | None,
) -> tuple[dict[str, int], list[Finding]]:
    """Check the parts alone, then against each other, then against files.

    Returns how much was checked, and the findings. The warehouse keeps a list of the files with
    wrong or missing rows, which the next ingest reads again.
    """
    everything = {table: warehouse.parts(table) for table in SCHEMAS}
    parts = everything
    if release is not None:
        parts = {t: parts_of_release(places, release) for t, places in everything.items()}
    findings, readable, counts = _check_parts(spark, parts)
    if listing is not None:
        damaged = {*parts["files"]} - {*readable["files"]}
        findings += _not_ingested(listing, [p for p in everything["files"] if p not in damaged])
    present = {t: readable[t] for t in SCHEMAS if everything[t] or t not in (*DERIVED, "sample")}
    findings += [*_outdated(parts, present), *_misplaced(warehouse, readable)]
    with spark_progress(spark, "verify, reconcile", counts["spectra"], "spectra"):
        contradictions, again = reconcile(spark, present, release)
    with spark_progress(spark, "verify, compare with files", sample or counts["files"], "files"):
        compared = compare(spark, readable["spectra"], readable["files"], sample, seed, release)
    findings += contradictions
    findings += [Finding(*fields) for result in compared for fields in result["findings"]]
    again = again.union(*(result["again"] for result in compared))
    if release is not None:
        again |= {*read_again(warehouse)}
    _write_read_again(warehouse, again)
    return _sizes(parts, counts, compared), findings


def _sizes(parts: Parts, counts: dict[str, int], compared: list[dict[str, Any]]) -> dict[str, int]:
    """Return how much was checked, for the summary."""
    return {
        "parts": sum(map(len, parts.values())),
        **{f"rows_of_{table}": count for table, count in counts.items() if parts.get(table)},
        "pixels": counts["pixels"],
        "files_compared": sum(result["files"] for result in compared),
        "rows_compared": sum(result["rows"] for result in compared),
    }


def _check_parts(spark: SparkSession, parts: Parts) -> tuple[list[Finding], Parts, dict[str, int]]:
    """Check each part; return the findings, the readable parts, and the rows of each table."""
    tasks = [(table, place) for table in parts for place in parts[table]]
    with spark_progress(spark, "verify, read every page", len(tasks), "parts"):
        results = run_tasks(spark, check_part, tasks)
    findings: list[Finding] = []
    readable: Parts = {table: [] for table in parts}
    counts = dict.fromkeys([*parts, "pixels"], 0)
    for (table, place), result in zip(tasks, results, strict=True):
        findings += result.findings
        counts[table] += result.rows
        counts["pixels"] += result.pixels
        if result.readable:
            readable[table].append(place)
    return findings, readable, counts


def _not_ingested(listing: pa.ChunkedArray, files: list[Location]) -> list[Finding]:
    """Compare files on disk with the ``files`` table."""
    if not len(listing):
        return []
    first, last = (bound.as_py() for bound in pc.min_max(listing).values())
    near = [part for part in files if may_hold(part, "path", first, last)]
    columns = [open_part(part).read(["path"])["path"] for part in near]
    paths = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    new = listing.filter(pc.invert(pc.is_in(listing, paths)))
    return [Finding("not_ingested", "files", len(new), new[0].as_py())] if len(new) else []


def _outdated(parts: Parts, present: Parts) -> list[Finding]:
    """Compare the parts of ``spectra`` with the parts that other tables were made from."""
    found, spectra = [], {part.name for part in parts["spectra"]}
    for table in DERIVED:
        changed = sorted(spectra ^ {part.name for part in parts[table]})
        if table in present and changed:
            found.append(Finding(f"{table}_outdated", table, len(changed), changed[0]))
    return found


def _misplaced(warehouse: Warehouse, readable: Parts) -> list[Finding]:
    """Compare the rows of each part of ``restframe`` with its rows of ``sample``."""
    wrong = []
    held = {warehouse.place_of(part): part for part in readable["restframe"]}
    for sample in map(open_part, readable["sample"]):
        for place, rows in sample_rows(sample).items():
            if place in held:
                names = read_sample_rows(sample, rows, ["spectrum_id"])
                if names != open_part(held[place]).read(["spectrum_id"]):
                    wrong.append(place)
    return [Finding("misplaced_decisions", "sample", len(wrong), wrong[0])] if wrong else []


def _leftovers(warehouse: Warehouse) -> int:
    """Count the files of a killed run, which opening the warehouse for writing deletes."""
    staging = warehouse.root / "_staging"
    count = sum(1 for _ in staging.files()) if staging.is_folder() else 0
    if count:
        log.info("verify: %d staged files of a killed run; they were never data", count)
    return count


def _write_read_again(warehouse: Warehouse, paths: set[str]) -> None:
    """List the files with wrong or missing rows in the warehouse, a JSON string a line."""
    place = warehouse.root / READ_AGAIN
    if paths:
        place.write("".join(f"{json.dumps(path)}\n" for path in sorted(paths)).encode())
    else:
        place.delete()
