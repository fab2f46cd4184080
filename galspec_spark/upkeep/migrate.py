"""Bring the tables of an older version to the present format, as one change.

Format 1 is that of version 0.1, which recorded none. Its ``spectra`` have the columns of today and
stay as they are. Its ``files`` get the release that each file was ingested under. The other tables
are made in another way today, so they go: preprocess, measure and classify make theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.warehouse.parts import open_part, part_writer, partition_values
from galspec_spark.warehouse.schemas import FILES, SPECTRA
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import FORMAT, FORMAT_FILE, Warehouse

log = logging.getLogger(__name__)

#: Tables of format 1 that are made anew.
MADE_ANEW = ("objects", "restframe", "catalog")
NEXT = "galspec preprocess, measure, train and classify make the other tables anew"


def migrate(run: Run, root: str) -> dict[str, Any]:
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
        spectra = sum(map(_checked_rows, warehouse.parts("spectra")))
        accounts = warehouse.parts("files")
        files, to_read = _with_release(warehouse)
        name = f"{run.id}.parquet"
        with part_writer(staging.folder / name, FILES) as writer:
            writer.write_table(files)
        write_json(staging.folder / FORMAT_FILE, {"format": FORMAT})
        moves = [
            (staging.folder / name, f"files/{name}"),
            (staging.folder / FORMAT_FILE, FORMAT_FILE),
        ]
        gone = [
            Location(status.path)
            for table in MADE_ANEW
            for status in warehouse.table(table).files()  # with what lies beside the parts
        ]
        warehouse.commit(staging, moves, remove=[*accounts, *gone])
    return {
        "format": FORMAT,
        "format_before": 1,
        "spectra": spectra,
        "files": len(files),
        "files_to_read": to_read,
        "next": NEXT,
    }


def _checked_rows(part: Location) -> int:
    """Return the number of rows of a part of ``spectra`` that has today's columns."""
    file = open_part(part)
    if file.schema_arrow.remove_metadata() != SPECTRA:
        lacking = next((f for f in SPECTRA if f not in file.schema_arrow), SPECTRA.field(0))
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
