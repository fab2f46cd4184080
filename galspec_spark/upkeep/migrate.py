"""Bring the tables of an older version to the present format, as one change.

Format 1 is that of version 0.1, which recorded none. Its ``spectra`` are written anew with the
column ``simulated``, from the headers of their files. Its ``files`` get the release that each file
was ingested under. The other tables are made in another way today, so they go: preprocess, measure
and classify make theirs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.readers.simulated import is_simulated
from galspec_spark.warehouse.parts import open_part, part_writer, partition_values
from galspec_spark.warehouse.schemas import FILES, SPECTRA
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import FORMAT, FORMAT_FILE, Warehouse

log = logging.getLogger(__name__)

#: Tables of format 1 that are made anew.
MADE_ANEW = ("objects", "restframe", "catalog")
#: Column of ``spectra`` that format 1 lacks.
NEW = SPECTRA.field("simulated")
#: At the begin of a file, with its primary header.
HEADER_BYTES = 10 * 2880
NEXT = "galspec preprocess, measure, train and classify make the other tables anew"


def migrate(spark: SparkSession, run: Run, root: str) -> dict[str, Any]:
    """Migrate the warehouse in a folder; do nothing if it has the present format.

    Returns
    -------
    dict
        ``format`` and ``format_before``; of an older one: rows of ``spectra`` and ``files``,
        ``files_to_read``: files that the next ingest reads, because their release is not known, and
        ``next``: what to run.

    Raises
    ------
    UserError
        If there is no warehouse, another job is writing to it, a newer version made it, or its
        ``spectra`` cannot be taken over.
    """
    warehouse = Warehouse(root, formats=range(1, FORMAT + 1))
    if not (warehouse.parts("spectra") or warehouse.parts("files")):
        raise UserError(f"no warehouse in {warehouse.root}: galspec ingest makes one")
    with warehouse.writing(run.id) as staging:
        if warehouse.format() == FORMAT:
            log.info("migrate: the tables have format %d already: nothing to do", FORMAT)
            return {"format": FORMAT, "format_before": FORMAT}
        parts = warehouse.parts("spectra")
        spectra = sum(map(_checked_rows, parts))
        with spark_progress(spark, "migrate", spectra, "spectra"):
            staged = run_tasks(spark, WithSimulated(staging.folder), parts)
        accounts = warehouse.parts("files")
        files, to_read = _with_release(warehouse)
        name = f"{run.id}.parquet"
        with part_writer(staging.folder / name, FILES) as writer:
            writer.write_table(files)
        write_json(staging.folder / FORMAT_FILE, {"format": FORMAT})
        moves = [
            *((new, _place(warehouse, old)) for new, old in zip(staged, parts, strict=True)),
            (staging.folder / name, f"files/{name}"),
            (staging.folder / FORMAT_FILE, FORMAT_FILE),
        ]
        gone = [
            Location(status.path)
            for table in MADE_ANEW
            for status in warehouse.table(table).files()  # with what lies beside the parts
        ]
        warehouse.commit(staging, moves, remove=[*parts, *accounts, *gone])
    return {
        "format": FORMAT,
        "format_before": 1,
        "spectra": spectra,
        "files": len(files),
        "files_to_read": to_read,
        "next": NEXT,
    }


@dataclass(frozen=True)
class WithSimulated:
    """The task that adds the column `NEW` to a part of ``spectra``, a row group at a time."""

    staging: Location

    def __call__(self, part: Location) -> Location:
        """Stage the part with today's columns; return it."""
        staged = self.staging / os.urandom(8).hex() / part.name
        file = open_part(part)
        with part_writer(staged, SPECTRA) as writer:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                files = rows["file"].combine_chunks().dictionary_encode()
                said = pa.array(map(_says_simulated, files.dictionary.to_pylist()), NEW.type)
                rows = rows.append_column(NEW.name, said.take(files.indices))
                writer.write_table(rows.select(SPECTRA.names).cast(SPECTRA))
        return staged


def _says_simulated(file: str) -> bool | None:
    """Tell whether a file's header says that it is simulated; None where the file is gone."""
    try:
        with Location(file).open() as content:
            return is_simulated(content.read(HEADER_BYTES))
    except (OSError, UserError):
        return None


def _place(warehouse: Warehouse, part: Location) -> str:
    """Return the place of a part's successor: a change never writes over a file that it removes."""
    return warehouse.place_of(part.parent / f"migrated-{part.name}")


def _checked_rows(part: Location) -> int:
    """Return the number of rows of a part of ``spectra`` that has the columns of format 1."""
    file = open_part(part)
    expected = pa.schema([field for field in SPECTRA if field != NEW])
    if file.schema_arrow.remove_metadata() != expected:
        lacking = next((f for f in expected if f not in file.schema_arrow), expected.field(0))
        raise UserError(
            f"{part} has no column {lacking.name} of type {lacking.type}: nothing was changed; "
            "ingest all files again, with another --warehouse (the table files lists them)"
        )
    rows: int = file.metadata.num_rows
    return rows


def _with_release(warehouse: Warehouse) -> tuple[pa.Table, int]:
    """Return the accounts of files with their release, and how many others there are.

    A run of ingest had one release, which the folders of its spectra name. The files of a run
    without spectra are left out: the next ingest takes them for new, and reads them.
    """
    releases = dict(_runs(warehouse))
    accounts = [open_part(part).read() for part in warehouse.parts("files")]
    files = pa.concat_tables(accounts)
    place = pc.index_in(files["run_id"], pa.array(list(releases), pa.string()))
    names = pa.array(list(releases.values()), pa.string()).take(place.combine_chunks())
    known = files.append_column("release", names).filter(names.is_valid())
    return known.select(FILES.names).cast(FILES), len(files) - len(known)


def _runs(warehouse: Warehouse) -> Iterator[tuple[str, str]]:
    """Yield the runs that read spectra, each with its release."""
    for part in warehouse.parts("spectra"):
        release = partition_values(part)["release"]
        for run in pc.unique(open_part(part).read(["run_id"])["run_id"]).to_pylist():
            yield run, release
