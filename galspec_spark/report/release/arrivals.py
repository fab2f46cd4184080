"""Arrivals: the files of a release, and the files that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.releases import parts_of_release
from galspec_spark.warehouse.tables import Warehouse

EXAMPLES = 3  #: of each reason

#: Why a file is in quarantine.
MEANINGS = {
    "unreadable": "the file cannot be opened or read; it is tried again",
    "changed": "the file changed after it was listed; it is tried again",
    "not_a_file": "a named pipe, a socket or a device, which is not opened",
    "bad_name": "the name is not UTF-8 text",
    "empty": "the file has no bytes",
    "not_fits": "the file is not FITS",
    "truncated": "the file, or its set of units, ends too early",
    "malformed": "a header, column or value is not what the format says",
    "too_large": "a header or the unpacked file is larger than any spectrum's",
    "unknown_format": "FITS, but of no kind that the readers know",
    "unsupported": "of a kind that the readers know and do not read",
    "irregular_grid": "the wavelengths are not in steps of 1e-4 dex",
    "air_wavelengths": "the wavelengths are in air, not in vacuum",
}


@dataclass(frozen=True)
class BadFile:
    """One file in quarantine."""

    path: str
    reason: str
    message: str


@dataclass(frozen=True)
class Arrivals:
    """The files of a release."""

    files: int
    spectra: int
    quarantined: dict[str, int]  #: number of files, by reason
    examples: list[BadFile]  #: some of these files


def find_arrivals(spark: SparkSession, warehouse: Warehouse, release: str) -> Arrivals | None:
    """Count the files of a release; None if it was not made from files."""
    parts = parts_of_release(warehouse.parts("files"), release)
    if not parts:
        return None
    files = scan(spark, parts, ["path", "status", "reason", "message", "rows", "release"])
    files = files.where(F.col("release") == release)
    totals = files.groupBy("status", "reason").agg(F.count("*").alias("n"), F.sum("rows")).collect()
    quarantined = {row.reason: row.n for row in totals if row.status == "quarantined"}
    return Arrivals(
        files=sum(row.n for row in totals),
        spectra=sum(row["sum(rows)"] for row in totals),
        quarantined=dict(sorted(quarantined.items(), key=lambda item: (-item[1], item[0]))),
        examples=_examples(files, list(quarantined)) if quarantined else [],
    )


def _examples(files: DataFrame, reasons: Sequence[str]) -> list[BadFile]:
    """Return the first files of each reason by path."""
    by_path = Window.partitionBy("reason").orderBy("path")
    first = (
        files.where("status = 'quarantined'")
        .withColumn("number", F.row_number().over(by_path))
        .where(F.col("number") <= EXAMPLES)
        .orderBy("reason", "path")
        .collect()
    )
    return [BadFile(row.path, row.reason, row.message) for row in first]
