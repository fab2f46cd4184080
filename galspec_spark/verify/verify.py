"""Is the warehouse what the files are? Reads all of it, changes nothing, and says what is wrong.

First every part by itself, in one pass over all pages: damage, wrong columns, rows that contradict
themselves, and for the ``files`` table what became of the files. Then the tables beside each other,
on narrow columns. Last a sample of the files against their rows. What cannot be read is a finding
and takes no part in the next step, so that it hides nothing else.
"""

from __future__ import annotations

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
from galspec_spark.ingest.listing import READ_AGAIN, list_files
from galspec_spark.verify.files import compare
from galspec_spark.verify.findings import Finding, summed
from galspec_spark.verify.parts import SCHEMAS, check_part
from galspec_spark.verify.tables import reconcile
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import sample_parts
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
    sample: int | None = 100,
    seed: int = 1,
) -> dict[str, Any]:
    """Check a warehouse while no other job writes to it.

    Parameters
    ----------
    inputs
        Files and folders that should have been ingested wholly.
    sample
        How many files to read again and compare with their rows; None for all.
    seed
        Of the draw of the sample.

    Returns
    -------
    dict
        How much was checked, and ``findings`` (see `galspec_spark.verify.findings.summed`).

    Raises
    ------
    UserError
        If there is no warehouse, another job is writing to it, or an input does not exist.
    """
    if not any(warehouse.parts(table) for table in SCHEMAS):
        raise UserError(f"no warehouse in {warehouse.root}: jobs/ingest.py makes one")
    listing = list_files(inputs)["path"] if inputs else None
    leftovers = _leftovers(warehouse)
    with warehouse.writing(run.id):
        parts = {table: warehouse.parts(table) for table in SCHEMAS}
        findings, readable, counts = _check_parts(spark, parts)
        if listing is not None:
            findings += _not_ingested(listing, readable["files"])
        findings += _outdated(parts)
        findings += _misplaced(warehouse, readable)
        for table in ("restframe", "sample"):
            if not parts[table]:
                del readable[table]
        with spark_progress(spark, "reconcile", counts["spectra"], "spectra"):
            found, again = reconcile(spark, readable)
        findings += found
        with spark_progress(spark, "compare with files", sample or counts["files"], "files"):
            compared = compare(spark, readable["spectra"], readable["files"], sample, seed)
        for result in compared:
            findings += [Finding(*fields) for fields in result["findings"]]
            again |= set(result["again"])
        _write_read_again(warehouse, again)
    return {
        "parts": sum(map(len, parts.values())),
        **{f"rows_of_{table}": count for table, count in counts.items() if parts.get(table)},
        "pixels": counts["pixels"],
        "files_compared": sum(result["files"] for result in compared),
        "rows_compared": sum(result["rows"] for result in compared),
        "leftovers": leftovers,
        "problems": sum(finding.count for finding in findings),
        "findings": summed(findings, warehouse.root),
    }


def _check_parts(spark: SparkSession, parts: Parts) -> tuple[list[Finding], Parts, dict[str, int]]:
    """Check each part; return the findings, the readable parts, and the rows of each table."""
    every = [(table, place) for table in parts for place in parts[table]]
    with spark_progress(spark, "read every page", len(every), "parts"):
        results = run_tasks(spark, check_part, every)
    findings: list[Finding] = []
    readable: Parts = {table: [] for table in parts}
    counts = dict.fromkeys([*parts, "pixels"], 0)
    for (table, place), result in zip(every, results, strict=True):
        findings += result.findings
        counts[table] += result.rows
        counts["pixels"] += result.pixels
        if result.readable:
            readable[table].append(place)
    return findings, readable, counts


def _not_ingested(listing: pa.ChunkedArray, files: list[Location]) -> list[Finding]:
    """Compare files on disk with the ``files`` table."""
    known = [open_part(part).read(["path"])["path"] for part in files]
    paths = pa.chunked_array([chunk for column in known for chunk in column.chunks], pa.string())
    new = listing.filter(pc.invert(pc.is_in(listing, paths)))
    return [Finding("not_ingested", "files", len(new), new[0].as_py())] if len(new) else []


def _outdated(parts: Parts) -> list[Finding]:
    """Compare the parts of ``spectra`` with those that ``restframe`` was made from."""
    if not parts["restframe"]:
        return []
    made_from = {part.name for part in parts["restframe"]}
    changed = sorted(made_from ^ {part.name for part in parts["spectra"]})
    if not changed:
        return []
    return [Finding("restframe_outdated", "restframe", len(changed), changed[0])]


def _misplaced(warehouse: Warehouse, readable: Parts) -> list[Finding]:
    """Compare the rows of each part of ``restframe`` with those that ``sample`` has of it."""
    wrong = []
    held = {warehouse.place_of(part): part for part in readable["restframe"]}
    for sample in map(open_part, readable["sample"]):
        for row_group, place in enumerate(sample_parts(sample)):
            if place in held:
                names = sample.read_row_group(row_group, ["spectrum_id"])
                if names != open_part(held[place]).read(["spectrum_id"]):
                    wrong.append(place)
    return [Finding("misplaced_decisions", "sample", len(wrong), wrong[0])] if wrong else []


def _leftovers(warehouse: Warehouse) -> int:
    """Count the files that a killed run left behind, which the next one deletes: this one."""
    staging = warehouse.root / "_staging"
    count = sum(1 for _ in staging.files()) if staging.is_folder() else 0
    if count:
        log.info("%d staged files of a run that was killed; they never were data", count)
    return count


def _write_read_again(warehouse: Warehouse, paths: set[str]) -> None:
    """Write down which files have wrong or missing rows."""
    place = warehouse.root / READ_AGAIN
    if paths:
        place.write("".join(f"{path}\n" for path in sorted(paths)).encode())
    else:
        place.delete()
