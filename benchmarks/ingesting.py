"""From spec files to Parquet: the whole job beside an astropy script and beside bare reading."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks.decoding import decode_astropy
from benchmarks.measure import measure
from galspec_spark.harness.run import Run
from galspec_spark.ingest.spectra_parts import ROW_GROUP
from galspec_spark.ingest.stage import ingest
from galspec_spark.readers.batch import spectra_table
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

PROCESSES = 2


def compare_ingest(
    spark: SparkSession, run: Run, files: list[str], scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Bring all files into Parquet, on two cores, with the Spark session started."""
    work = f"ingest {len(files)} spec files into Parquet, 2 cores"
    ours = measure(
        work, "ours, the whole job on Spark", repeat, lambda: _ours(spark, run, files, scratch)
    )
    with fresh(scratch / "ours") as folder:
        warehouse = Warehouse(folder)
        ingest(spark, run, files, warehouse, run.config.ingest.release)
        parts = [part.path for part in warehouse.parts("spectra")]
        bare = measure_bare(work, files, parts, scratch, repeat)
    shares = [files[i::PROCESSES] for i in range(PROCESSES)]
    outputs = [str(scratch / f"astropy-{i}.parquet") for i in range(PROCESSES)]
    with pools(_nothing, [()] * PROCESSES) as processes:
        astropy = measure(
            work,
            f"astropy and pyarrow, {PROCESSES} processes",
            1,
            lambda: _together(processes, write_with_astropy, shares, outputs),
            warm=False,
        )
    return [ours, bare, astropy]


def scale_curve(
    spark: SparkSession, run: Run, files: list[str], sizes: list[int], scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Time the whole job at several sizes."""
    results = []
    for size in sizes:
        summaries: list[dict[str, Any]] = []
        result = measure(
            f"ingest {size} spec files",
            "ours",
            repeat,
            partial(_append_ours, summaries, spark, run, files[:size], scratch),
        )
        result["worker_megabytes"] = max(s["worker_megabytes"] for s in summaries)
        results.append(result)
    return results


def _append_ours(summaries: list[dict[str, Any]], *arguments: Any) -> None:
    summaries.append(_ours(*arguments))


def _ours(spark: SparkSession, run: Run, files: list[str], scratch: Path) -> dict[str, Any]:
    with fresh(scratch / "ours") as folder:
        return ingest(spark, run, files, Warehouse(folder), run.config.ingest.release)


def measure_bare(
    work: str, files: list[str], parts: list[str], scratch: Path, repeat: int
) -> dict[str, Any]:
    """Time reading the same bytes and writing the same tables with nothing decoded."""
    shares = [files[i::PROCESSES] for i in range(PROCESSES)]
    tables = [(parts[i::PROCESSES],) for i in range(PROCESSES)]
    outputs = [str(scratch / f"bare-{i}.parquet") for i in range(PROCESSES)]
    with pools(_hold_tables, tables) as processes:
        return measure(
            work,
            f"bytes read and finished tables written, {PROCESSES} processes",
            repeat,
            lambda: _together(processes, _read_and_write, shares, outputs),
        )


_held: list[pa.Table] = []


def _hold_tables(parts: list[str]) -> None:
    _held.extend(pq.ParquetFile(part).read() for part in parts)


def _nothing() -> None:
    """Prepare nothing."""


def _read_and_write(files: list[str], output: str) -> None:
    for file in files:
        Path(file).read_bytes()
    with part_writer(Location(output), SPECTRA) as writer:
        for table in _held:
            for first in range(0, table.num_rows, ROW_GROUP):
                writer.write_table(table.slice(first, ROW_GROUP))


def write_with_astropy(files: list[str], output: str) -> None:
    """Decode files with astropy and write the same columns, as a careful script does."""
    rows = [
        {**decode_astropy(file), "spectrum_id": file, "file": file, "loglam0": 0.0}
        for file in files
    ]
    with part_writer(Location(output), SPECTRA) as writer:
        for first in range(0, len(rows), ROW_GROUP):
            writer.write_table(spectra_table(rows[first : first + ROW_GROUP], {}))


@contextmanager
def pools(prepare: Any, arguments: list[tuple[Any, ...]]) -> Iterator[list[ProcessPoolExecutor]]:
    """Start processes before the clock, apart from Spark, whose connection a fork would share."""
    started = [ProcessPoolExecutor(1, get_context("spawn"), prepare, each) for each in arguments]
    for pool in started:
        pool.submit(int).result()
    yield started
    for pool in started:
        pool.shutdown()


def _together(processes: list[ProcessPoolExecutor], work: Any, *arguments: list[Any]) -> None:
    futures = [
        process.submit(work, *each)
        for process, each in zip(processes, zip(*arguments, strict=True), strict=True)
    ]
    for future in futures:
        future.result()


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """Offer the path of a folder that is not there, and delete it afterwards."""
    yield folder
    shutil.rmtree(folder)
