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
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.progress import spark_progress
from galspec_spark.provenance import Run
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import spectra_table
from galspec_spark.readers.fits import BadFile
from galspec_spark.schemas import FILES, SPECTRA
from galspec_spark.tables import Warehouse, part_writer

FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")

#: Spectra that a task holds before it writes them out: some 130 MB with their masks.
SPECTRA_IN_MEMORY = 2000
#: Tasks for each core at least, so that none waits long for the last one.
TASKS_PER_CORE = 2

LISTING = pa.schema([FILES.field(name) for name in ("path", "size", "mtime_ns")])

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
        Counts: files = read + quarantined + skipped; spectra; quarantined files by reason.

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
            moves = [(Path(old), warehouse.root / new) for r in results for old, new in r["parts"]]
            summary = _reconcile(listing, new, results)
            warehouse.commit(moves)
            return summary
        return _reconcile(listing, new, results)


def list_files(inputs: Sequence[str]) -> pa.Table:
    """Return path, size and modification time of all FITS files, sorted by path, each once.

    Raises
    ------
    UserError
        If an input does not exist, cannot be listed, or holds no FITS file.
    """
    found: dict[str, tuple[int, int]] = {}
    for name in inputs:
        path = Path(name).absolute()
        if not path.exists():
            raise UserError(f"input {name} does not exist")
        files = list(_walk(path)) if path.is_dir() else [path]
        if not files:
            raise UserError(f"no FITS files ({', '.join(FITS_SUFFIXES)}) in {name}")
        for file in files:
            status = file.stat()
            found[str(file)] = (status.st_size, status.st_mtime_ns)
    paths = sorted(found)
    columns = [paths, [found[path][0] for path in paths], [found[path][1] for path in paths]]
    return pa.Table.from_arrays([pa.array(c) for c in columns], schema=LISTING)


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(f"cannot list {error.filename}: {error.strerror}")

    for parent, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            if name.endswith(FITS_SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def not_yet_read(listing: pa.Table, warehouse: Warehouse) -> pa.Table:
    """Return the part of the listing that the ``files`` table does not have."""
    parts = warehouse.parts("files")
    if not parts:
        return listing
    known = pa.concat_tables(pq.read_table(part, columns=LISTING.names) for part in parts)
    is_known = pc.is_in(listing["path"], known["path"])
    both = listing.filter(is_known).join(known, keys="path", right_suffix="_before")
    changed = pc.or_(
        pc.not_equal(both["size"], both["size_before"]),
        pc.not_equal(both["mtime_ns"], both["mtime_ns_before"]),
    )
    if pc.any(changed).as_py():
        example = both.filter(changed)["path"][0].as_py()
        log.warning(
            "%d files changed after they were ingested and are skipped (first: %s); "
            "to read them again, ingest into a new warehouse",
            pc.sum(changed).as_py(),
            example,
        )
    return listing.filter(pc.invert(is_known))


def plan_tasks(new: pa.Table, staging: Path, task_megabytes: int, cores: int) -> Path:
    """Divide files into tasks of about equal bytes; return a Parquet file, a row group a task."""
    sizes = new["size"].to_numpy()
    by_size = int(np.ceil(sizes.sum() / (task_megabytes * 1e6)))
    count = min(max(by_size, TASKS_PER_CORE * cores), new.num_rows)
    middles = np.cumsum(sizes) - sizes / 2
    task = np.minimum((middles * count / max(sizes.sum(), 1)).astype(int), count - 1)
    plan = staging / "tasks.parquet"
    with pq.ParquetWriter(plan, LISTING) as writer:
        for number in np.unique(task):
            writer.write_table(new.filter(pa.array(task == number)))
    return plan


def run_tasks(spark: SparkSession, plan: Path, task: Any) -> list[dict[str, Any]]:
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
            account["format"], rows = read_spectra(_content(file["path"]))
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
