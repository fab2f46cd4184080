"""From FITS files to the tables ``spectra`` and ``files``, with every file accounted for.

The driver lists the input and compares it with the ``files`` table. What is new is divided into
tasks of about equal bytes; each task decodes its files and writes its own Parquet parts. Spark only
carries one row per task, so neither the JVM nor the driver ever sees a pixel.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.listing import list_files, not_yet_read, plan_tasks
from galspec_spark.progress import spark_progress
from galspec_spark.provenance import Run, read_summaries
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import spectra_table
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from galspec_spark.schemas import FILES, SPECTRA
from galspec_spark.tables import Warehouse, part_writer

#: Spectra that a task holds before it writes them out: some 130 MB with their masks.
SPECTRA_IN_MEMORY = 2000

log = logging.getLogger(__name__)


def ingest(
    spark: SparkSession, run: Run, inputs: Sequence[str], warehouse: Warehouse, release: str
) -> dict[str, Any]:
    """Read all files that the warehouse does not have yet.

    Parameters
    ----------
    inputs
        Files, and folders to search for FITS files.
    release
        Name of the data release that the files belong to.

    Returns
    -------
    dict
        Counts of this run: files = read + quarantined + skipped; spectra; quarantined files by
        reason. ``warehouse``: files, quarantined, spectra and seconds of all runs so far.

    Raises
    ------
    UserError
        If an input is missing or holds no FITS file, or another job is writing to the warehouse.
    """
    listing = list_files(inputs)
    with warehouse.writing(run) as staging:
        new = not_yet_read(listing, warehouse)
        results: list[dict[str, Any]] = []
        if new.num_rows:
            cores = spark.sparkContext.defaultParallelism
            tasks = plan_tasks(new, staging, run.config.ingest.task_megabytes, cores)
            task = partial(read_files, staging=staging, release=release, provenance=run.columns())
            with spark_progress(spark, "ingest", new.num_rows, "files"):
                results = run_tasks(spark, tasks, task)
        summary = _reconcile(listing, new, results)
        warehouse.commit(
            (Path(staged), warehouse.root / place)
            for result in results
            for staged, place in result["parts"]
        )
    return {**summary, "warehouse": _totals(warehouse, run, summary["read"])}


def run_tasks(
    spark: SparkSession, plan: Path, task: Callable[[Path, int], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run ``task(plan, number)`` for each row group of the plan; return what each returned.

    Only the result of the successful attempt of each task arrives, so what failed or speculative
    attempts have staged is never committed.
    """
    count = pq.ParquetFile(plan).num_row_groups

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            results = [json.dumps(task(plan, number)) for number in batch["id"].to_pylist()]
            yield pa.RecordBatch.from_arrays([pa.array(results, pa.string())], ["result"])

    numbers = spark.range(0, count, 1, count)
    return [json.loads(row.result) for row in numbers.mapInArrow(work, "result string").collect()]


def read_files(
    plan: Path, number: int, *, staging: Path, release: str, provenance: dict[str, str]
) -> dict[str, Any]:
    """Decode the files of one task and write its parts of ``spectra`` and ``files``.

    Runs in a Spark task. Memory is bounded by `SPECTRA_IN_MEMORY`, not by the files.

    Returns
    -------
    dict
        ``parts``: pairs of a staged path and its place in the warehouse; the counts ``read``,
        ``quarantined``, ``spectra``; ``reasons``: quarantined files by reason; ``examples``: lines.
    """
    part = f"{provenance['run_id']}-{number:05d}.parquet"
    attempt = staging / f"{number:05d}-{os.urandom(4).hex()}"
    spectra = SpectraParts(attempt, part, release, provenance)
    accounts = []
    for file in pq.ParquetFile(plan).read_row_group(number).to_pylist():
        account = {**file, **provenance, "part": part, "status": "read", "rows": 0}
        try:
            account["format"], rows = read_spectra(Source(file["path"], _content(file["path"])))
            account["rows"] = len(rows)
            spectra.add(rows, file["path"])
        except BadFile as error:
            account.update(status="quarantined", reason=error.reason, message=error.message)
        accounts.append(account)
    spectra.close()
    with part_writer(attempt / "files" / part, FILES) as writer:
        writer.write_table(pa.Table.from_pylist(accounts, FILES))
    quarantined = [account for account in accounts if account["status"] == "quarantined"]
    return {
        "parts": [[str(attempt / place), place] for place in [*spectra.places, f"files/{part}"]],
        "read": len(accounts) - len(quarantined),
        "quarantined": len(quarantined),
        "spectra": sum(account["rows"] for account in accounts),
        "reasons": Counter(account["reason"] for account in quarantined),
        "examples": [f"{a['path']}: {a['reason']}: {a['message']}" for a in quarantined[:3]],
    }


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadFile("unreadable", f"the file cannot be read: {error.strerror}") from None


class SpectraParts:
    """The parts of the ``spectra`` table that one task writes: one for each survey it meets."""

    def __init__(self, folder: Path, part: str, release: str, provenance: dict[str, str]) -> None:
        self._folder, self._part, self._release = folder, part, release
        self._provenance = provenance
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self.places: list[str] = []  #: of the parts, relative to the warehouse

    def add(self, rows: list[dict[str, Any]], file: str) -> None:
        """Take the rows that a reader returned for a file."""
        for row in rows:
            row["spectrum_id"] = f"{row['survey']}-{self._release}-{row['key']}"
            row["file"] = file
            waiting = self._rows.setdefault(row["survey"], [])
            waiting.append(row)
            if len(waiting) == SPECTRA_IN_MEMORY:
                self._write(row["survey"])

    def close(self) -> None:
        """Write what is left."""
        for survey in self._rows:
            self._write(survey)
        for writer in self._writers.values():
            writer.close()

    def _write(self, survey: str) -> None:
        rows, self._rows[survey] = self._rows[survey], []
        if survey not in self._writers:
            place = f"spectra/survey={survey}/release={self._release}/{self._part}"
            self._writers[survey] = part_writer(self._folder / place, SPECTRA)
            self.places.append(place)
        if rows:
            self._writers[survey].write_table(spectra_table(rows, self._provenance))


def _reconcile(listing: pa.Table, new: pa.Table, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up what the tasks returned, and check that no file is missing."""
    read = sum(result["read"] for result in results)
    quarantined = sum(result["quarantined"] for result in results)
    if read + quarantined != new.num_rows:
        raise UserError(
            f"{new.num_rows} files to read, but {read} read and {quarantined} quarantined: "
            "nothing was kept; please report this"
        )
    for example in [line for result in results for line in result["examples"]][:10]:
        log.warning("quarantined %s", example)
    return {
        "files": listing.num_rows,
        "read": read,
        "quarantined": quarantined,
        "skipped": listing.num_rows - new.num_rows,
        "spectra": sum(result["spectra"] for result in results),
        "reasons": dict(sum((Counter(result["reasons"]) for result in results), Counter())),
    }


def _totals(warehouse: Warehouse, run: Run, read: int) -> dict[str, int | float]:
    """Return what the warehouse holds after this run, and the seconds of all runs that read."""
    accounts = [
        pq.read_table(part, columns=["status", "rows"]) for part in warehouse.parts("files")
    ]
    files = pa.concat_tables(accounts)
    before = read_summaries(warehouse.root).get("ingest", {}).get("warehouse", {"seconds": 0.0})
    return {
        "files": files.num_rows,
        "quarantined": pc.sum(pc.equal(files["status"], "quarantined")).as_py(),
        "spectra": pc.sum(files["rows"]).as_py(),
        "seconds": before["seconds"] + (run.seconds() if read else 0.0),
    }
