"""Exports the catalogue: filters and sorts the rows once, then writes each format."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.catalog.read import PLACE
from galspec_spark.errors import UserError
from galspec_spark.export.columns import CATALOGUE
from galspec_spark.export.csv_table import write_csv
from galspec_spark.export.filtering import keep_rows, naming_filter
from galspec_spark.export.fits_table import write_fits
from galspec_spark.export.hats import ROWS_ALONE, ROWS_WITH_SPECTRA, write_hats
from galspec_spark.export.line_columns import WITH_LINES
from galspec_spark.export.sorted_rows import SortedRows, sort_rows
from galspec_spark.export.votable import write_votable
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.storage import Location

#: Name of each format's file or folder. A HATS catalogue comes without pixels, or with them.
NAMES = {
    "fits": "catalog.fits",
    "votable": "catalog.vot",
    "hats": "hats",
    "hats-spectra": "hats-spectra",
    "csv": "catalog.csv",
}
HATS = {"hats": ROWS_ALONE, "hats-spectra": ROWS_WITH_SPECTRA}


def export(
    spark: SparkSession,
    catalog: DataFrame,
    formats: Sequence[str],
    where: str | None,
    output: Path,
    provenance: dict[str, str],
    *,
    with_training: bool,
) -> dict[str, object]:
    """Write rows of the catalogue, by sky position, in formats that astronomers' tools read.

    Tasks filter, sort and store the rows once; the driver streams them into the single-file
    formats, and tasks write HATS, for which they fetch pixels from ``restframe`` where wanted.
    Memory does not grow with the rows. The same rows give the same bytes.

    Parameters
    ----------
    catalog
        The table ``catalog`` with its partition columns; lines too, where it has their columns.
    formats
        Keys of `NAMES`.
    where
        A condition in Spark SQL, such as ``class = 'AGN' AND probability > 0.9``; None for all.
    output
        Folder that all tasks reach; earlier exports of the same formats are replaced.
    provenance
        Metadata of every format but CSV.
    with_training
        Whether to write the rows of objects that the model learned from (``IN_TRAINING``).

    Returns
    -------
    dict
        ``rows``, ``filter``, ``training_rows_left_out``, and in ``files`` a path for each format;
        for HATS also the numbers of partitions and of rows without a sky position, which it
        cannot hold.

    Raises
    ------
    UserError
        If a format is unknown, the filter is wrong, or a format cannot hold a text.
    """
    _check_formats(formats)
    with _staging(output) as staging:
        rows, left_out = _stored(catalog, where, with_training, Location.of(staging / "rows"))
        files = {name: str(output / NAMES[name]) for name in formats}
        summary: dict[str, object] = {
            "rows": rows.count,
            "filter": where,
            "training_rows_left_out": left_out,
            "files": files,
        }
        provenance = {
            **provenance,
            "filter": " ".join((where or "none").split()),
            "training_rows_left_out": str(left_out),
        }
        for name in files:
            summary |= _write(spark, rows, name, staging / NAMES[name], provenance)
        for name in files:
            _replace(staging / NAMES[name], output / NAMES[name])
    return summary


def _check_formats(formats: Sequence[str]) -> None:
    unknown = sorted(set(formats) - NAMES.keys())
    if unknown:
        raise UserError(f"unknown export format {unknown[0]!r}: known are {', '.join(NAMES)}")


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """Make a folder for unfinished files; remove it and the leftovers of a killed export."""
    unfinished = output / ".export"
    shutil.rmtree(unfinished, ignore_errors=True)
    staging = unfinished / secrets.token_hex(8)
    try:
        staging.mkdir(parents=True)
        yield staging
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _stored(
    catalog: DataFrame, where: str | None, with_training: bool, folder: Location
) -> tuple[SortedRows, int]:
    """Store the chosen rows; return them, and how many of the training set are left out."""
    has_lines = set(WITH_LINES.described) <= set(catalog.columns)
    columns = WITH_LINES if has_lines else CATALOGUE
    rows = catalog.select(*columns.described, *PLACE.names)
    kept = keep_rows(rows, where)
    is_training = F.col("flags").bitwiseAND(1 << FLAG_BITS["IN_TRAINING"]) != 0
    with naming_filter(where, rows.columns):
        left_out = 0 if with_training else kept.where(is_training).count()
        if left_out:
            kept = kept.where(~is_training)
        return sort_rows(kept, columns, folder), left_out


def _write(
    spark: SparkSession, rows: SortedRows, name: str, place: Path, provenance: dict[str, str]
) -> dict[str, int]:
    """Write one format; return its counts for the summary."""
    if name == "fits":
        write_fits(rows, place, provenance)
    elif name == "votable":
        write_votable(rows, place, provenance)
    elif name == "csv":
        write_csv(rows, place)
    else:
        written = write_hats(spark, rows, place, provenance, HATS[name])
        key = name.replace("-", "_")
        return {
            f"{key}_partitions": written["partitions"],
            f"{key}_rows_without_position": rows.count - written["rows"],
        }
    return {}


def _replace(new: Path, place: Path) -> None:
    """Move a file or folder to its place; replace an earlier export."""
    if place.is_dir():
        os.replace(place, new.with_suffix(".old"))
    os.replace(new, place)
