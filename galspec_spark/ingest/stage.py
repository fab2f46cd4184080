"""From FITS files to the tables ``spectra`` and ``files``, every file accounted for.

The driver lists the input and compares it with the ``files`` table. New and changed files are
divided into tasks of about equal bytes; each task decodes its files and writes its own Parquet
parts. Rows of changed files are taken out of the parts that hold them. Spark carries one small
result per task, so neither the JVM nor the driver ever sees a pixel.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.errors import NothingRead, UserError, without_passwords
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run, read_summaries
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ingest.companions import with_spectra_of_catalogues
from galspec_spark.ingest.finding import in_words
from galspec_spark.ingest.listing import (
    Listing,
    accounts_near,
    changes,
    list_files,
    tasks_of,
    write_plan,
)
from galspec_spark.ingest.reading import Read, read_files
from galspec_spark.ingest.release_name import release_of
from galspec_spark.ingest.replace import Replaced, parts_with, without
from galspec_spark.ingest.sizing import input_bytes_of_a_part
from galspec_spark.ingest.vanished import check_vanished
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Staging, Warehouse

log = logging.getLogger(__name__)


def ingest(
    spark: SparkSession,
    run: Run,
    inputs: Sequence[str],
    warehouse: Warehouse,
    release: str | None,
    *,
    is_whole: bool = False,
) -> dict[str, Any]:
    """Read all files that are new or changed since the warehouse read them.

    Parameters
    ----------
    inputs
        Files, and folders to search for FITS files.
    release
        Name of the data release that the files belong to; None for `release_of` their paths.
    is_whole
        Whether the inputs are all files of the release: the rows of its other files go.

    Returns
    -------
    dict
        Counts of this run: files = read + quarantined + skipped; replaced (of those read again);
        vanished, files of a whole release that are gone;
        left_out, entries that are not FITS files by their names, in all and by suffix; skipped
        files by the other release that they are ingested under; spectra; quarantined files by
        reason; worker_megabytes, the most memory of a worker; release. ``warehouse``: files,
        quarantined, spectra, inputs (as given) and seconds of all runs so far.

    Raises
    ------
    UserError
        If an input is missing or holds no FITS file, or another job is writing to the warehouse.
        If more files of a whole release vanished than the configuration allows.
    NothingRead
        If every file of the inputs is quarantined, now or by an earlier run.
    """
    listing = list_files(inputs)
    name = release_of(listing.files["path"]) if release is None else release
    if listing.left_out:
        log.info("ingest: left out, not FITS files by their names: %s", in_words(listing.left_out))
    with warehouse.writing(run.id) as staging:
        files = with_spectra_of_catalogues(listing.files, warehouse)
        listing = replace(listing, files=files)
        whole = name if is_whole else None
        before = accounts_near(listing, warehouse, whole)
        to_do = changes(listing, before, warehouse, whole)
        check_vanished(to_do.vanished, before, name, run.config.ingest.vanished_max)
        results = _read(spark, run, to_do.new, name, staging) if to_do.new.num_rows else []
        summary = {
            **_reconcile(to_do.new, results),
            **_not_read(listing, to_do.skipped, name),
            "replaced": len(to_do.stale) - len(to_do.vanished),
            "vanished": len(to_do.vanished),
        }
        if results or len(to_do.stale):
            replaced = take_out(spark, run, warehouse, staging, to_do.stale)
            if to_do.read_again is not None:
                replaced.remove.append(to_do.read_again)
            moves = [move for result in results for move in result.parts]
            warehouse.commit(staging, moves + replaced.move, replaced.remove)
    summary["release"] = name
    summary["warehouse"] = _totals(warehouse, run, inputs, summary["read"])
    _check_any_read(summary, to_do.skipped, warehouse)
    return summary


def _read(
    spark: SparkSession, run: Run, new: pa.Table, release: str, staging: Staging
) -> list[Read]:
    """Read new files into staged parts, in tasks of about equal bytes."""
    task_bytes = input_bytes_of_a_part(new, run.config.ingest.part_megabytes)
    tasks = tasks_of(new, task_bytes, spark.sparkContext.defaultParallelism)
    task = partial(
        read_files,
        plan=write_plan(tasks, staging.folder),
        staging=staging.folder,
        release=release,
        provenance=run.columns(),
    )
    with spark_progress(spark, "ingest", new.num_rows, "files"):
        return run_tasks(spark, task, range(len(tasks)))


def take_out(
    spark: SparkSession, run: Run, warehouse: Warehouse, staging: Staging, stale: pa.Array
) -> Replaced:
    """Stage the parts of ``spectra`` and ``files`` anew without the rows of stale files."""
    if not len(stale):
        return Replaced()
    found = parts_with(stale, warehouse.parts("spectra"), "file")
    found += parts_with(stale, warehouse.parts("files"), "path")
    task = partial(
        without,
        parts=found,
        stale=stale,
        root=warehouse.root,
        staging=staging.folder,
        run_id=run.id,
    )
    log.info("ingest: %d files changed or vanished: their old rows go", len(stale))
    return Replaced.of(found, run_tasks(spark, task, range(len(found))))


def _reconcile(new: pa.Table, results: list[Read]) -> dict[str, Any]:
    """Sum up the results of the tasks, and check that no file is missing."""
    read = sum(result.read for result in results)
    quarantined = sum(result.quarantined for result in results)
    if read + quarantined != new.num_rows:
        raise UserError(
            f"{new.num_rows} files to read, but {read} read and {quarantined} quarantined: "
            "nothing was kept; please report this"
        )
    for example in [line for result in results for line in result.examples][:10]:
        log.warning("quarantined %s", example)
    return {
        "read": read,
        "quarantined": quarantined,
        "spectra": sum(result.spectra for result in results),
        "worker_megabytes": max((result.worker_megabytes for result in results), default=0),
        "reasons": dict(sum((result.reasons for result in results), Counter())),
    }


def _not_read(listing: Listing, skipped: pa.Table, release: str) -> dict[str, Any]:
    """Count what this run had no need to read, and tell of files that have another release."""
    elsewhere = Counter(name for name in skipped["release"].to_pylist() if name != release)
    for other, count in sorted(elsewhere.items()):
        log.warning("%d files are skipped: they are ingested already as release %s", count, other)
    return {
        "files": listing.files.num_rows,
        "skipped": skipped.num_rows,
        "skipped_of_release": dict(elsewhere),
        "left_out": listing.left_out.total(),
        "left_out_by_suffix": dict(listing.left_out),
    }


def _check_any_read(summary: dict[str, Any], skipped: pa.Table, warehouse: Warehouse) -> None:
    """Fail if every file of the input is quarantined."""
    if summary["read"] or "read" in skipped["status"].to_pylist():
        return
    reasons = Counter(summary["reasons"]) + Counter(skipped["reason"].to_pylist())
    raise NothingRead(
        f"none of the {summary['files']} files can be read ({in_words(reasons)}): the table "
        f"{warehouse.table('files')} says why of each",
        summary,
    )


def _totals(warehouse: Warehouse, run: Run, inputs: Sequence[str], read: int) -> dict[str, Any]:
    """Return what ``warehouse`` of the summary has."""
    accounts = [open_part(part).read(["status", "rows"]) for part in warehouse.parts("files")]
    files = pa.concat_tables(accounts)
    before = read_summaries(warehouse.root).get("ingest", {}).get("warehouse", {"seconds": 0.0})
    every = dict.fromkeys([*before.get("inputs", []), *map(without_passwords, inputs)])
    return {
        "files": files.num_rows,
        "quarantined": pc.sum(pc.equal(files["status"], "quarantined")).as_py(),
        "spectra": pc.sum(files["rows"]).as_py(),
        "inputs": list(every),
        "seconds": before["seconds"] + (run.seconds() if read else 0.0),
    }
