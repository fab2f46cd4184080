"""List the input files, choose those to read, and divide them into tasks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galspec_spark import __version__
from galspec_spark.errors import UserError
from galspec_spark.ingest.companions import has_catalogue_in
from galspec_spark.ingest.finding import Finder, as_text
from galspec_spark.ingest.vanished import vanished_files
from galspec_spark.warehouse.local import FileStatus
from galspec_spark.warehouse.parts import may_hold, open_part
from galspec_spark.warehouse.releases import parts_of_release
from galspec_spark.warehouse.schemas import FILES
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Files held as Python objects at once; Arrow takes a tenth of the memory.
BATCH = 100_000

#: File in the warehouse: paths of files that verify wants read again, as JSON, one a line.
READ_AGAIN = "_read_again.txt"

#: Reasons that may be gone the next time.
TRANSIENT = ("unreadable", "changed")

LISTING = pa.schema([FILES.field(name) for name in ("path", "size", "mtime_ns")])


@dataclass(frozen=True)
class Listing:
    """The files of the inputs."""

    files: pa.Table  #: path, size and modification time, sorted by path, each once
    left_out: Counter[str]  #: entries that are not FITS files by their names, by suffix
    folders: pa.Array  #: local folders that were listed


@dataclass(frozen=True)
class Changes:
    """The files that a run reads, and those whose old rows it replaces."""

    new: pa.Table  #: part of the listing: the files to read
    stale: pa.Array  #: paths whose old rows have to go: of new or vanished files, and of folders
    skipped: pa.Table  #: the rows of ``files`` of all others: status, reason and release
    vanished: pa.Array  #: stale paths of a whole release that are not listed any more
    read_again: Location | None  #: the list of verify, if this run reads all its files


def list_files(inputs: Sequence[str], *, may_be_empty: bool = False) -> Listing:
    """List all FITS files of the inputs, and count what else is there.

    Parameters
    ----------
    inputs
        Files, folders, and patterns (`galspec_spark.ingest.globs`).
    may_be_empty
        Whether inputs may hold no FITS file yet.

    Raises
    ------
    UserError
        If an input does not exist, cannot be listed, or holds no FITS file; if nothing matches it.
    """
    finder, chunks = Finder(may_be_empty), [LISTING.empty_table()]
    for name in inputs:
        try:
            chunks += [_as_table(files) for files in _in_batches(finder.files(name))]
        except OSError as error:
            cause = error.strerror or str(error).splitlines()[0]
            raise UserError(f"cannot list {error.filename or name}: {cause}") from None
    files = pa.concat_tables(chunks).sort_by("path").combine_chunks()
    paths = files["path"]
    repeated = pc.equal(paths.slice(1), paths.slice(0, max(len(paths) - 1, 0)))
    first = pa.array([True] * min(len(paths), 1), pa.bool_())
    once = files.filter(pa.chunked_array([first, *pc.invert(repeated).chunks]))
    return Listing(once, finder.left_out, pa.array(map(as_text, finder.listed), pa.string()))


def _in_batches(files: Iterator[FileStatus]) -> Iterator[list[FileStatus]]:
    while batch := list(islice(files, BATCH)):
        yield batch


def _as_table(files: list[FileStatus]) -> pa.Table:
    columns = list(zip(*files, strict=True))
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=LISTING)


def changes(
    listed: Listing, before: pa.Table, warehouse: Warehouse, whole: str | None = None
) -> Changes:
    """Compare the listing with the ``files`` table.

    A run reads files that the table lacks, that changed since, that could not be read then, that an
    earlier version quarantined, or that verify named; and files of spectra with such a catalogue,
    or with one that vanished.

    Parameters
    ----------
    before
        Rows of ``files``: from `accounts_near`, or more.
    whole
        Name of a release that the listing has all files of; None if none.
    """
    listing, vanished = listed.files, vanished_files(before, listed.files, listed.folders, whole)
    requested = pa.array(read_again(warehouse), pa.string())
    is_old = pc.is_in(listing["path"], before["path"])
    both = listing.filter(is_old).join(before, keys="path", right_suffix="_before")
    again = both.filter(_is_outdated(both))["path"]
    wanted = pc.or_(pc.invert(is_old), pc.is_in(listing["path"], again))
    wanted = pc.or_(wanted, pc.is_in(listing["path"], requested))
    touched = pa.chunked_array(
        [*listing.filter(wanted)["path"].chunks, *vanished.chunks], pa.string()
    )
    wanted = pc.or_(wanted, has_catalogue_in(listing["path"], touched))
    new = listing.filter(wanted)
    had_rows = pc.or_(pc.is_in(new["path"], before["path"]), pc.is_in(new["path"], requested))
    skipped = before.filter(pc.is_in(before["path"], listing.filter(pc.invert(wanted))["path"]))
    reads_all = len(requested) > 0 and pc.all(pc.is_in(requested, new["path"])).as_py()
    was_no_file = pc.and_(
        pc.equal(before["status"], "quarantined"), pc.is_in(before["path"], listed.folders)
    )
    stale = [*new.filter(had_rows)["path"].chunks, *before.filter(was_no_file)["path"].chunks]
    stale += vanished.chunks
    return Changes(
        new,
        pa.chunked_array(stale, pa.string()).combine_chunks(),
        skipped,
        vanished.combine_chunks(),
        warehouse.root / READ_AGAIN if reads_all else None,
    )


def accounts_near(listed: Listing, warehouse: Warehouse, whole: str | None = None) -> pa.Table:
    """Return the rows of parts of ``files`` that may have a listed file or folder, or a release."""
    of_both = pa.chunked_array([*listed.files["path"].chunks, listed.folders], pa.string())
    first, last = (bound.as_py() for bound in pc.min_max(of_both).values())
    parts = warehouse.parts("files")
    near = set() if first is None else {p for p in parts if may_hold(p, "path", first, last)}
    if whole is not None:
        near |= {*parts_of_release(parts, whole)}
    return accounts(sorted(near))


def accounts(parts: Sequence[Location]) -> pa.Table:
    """Return what `changes` needs to know of the files in parts of ``files``."""
    columns = ["path", "size", "mtime_ns", "status", "reason", "release", "version"]
    none = pa.schema([FILES.field(name) for name in columns]).empty_table()
    return pa.concat_tables([none, *(open_part(part).read(columns) for part in parts)])


def read_again(warehouse: Warehouse) -> list[str]:
    """Return the paths of the files whose rows verify found to be wrong or missing."""
    place = warehouse.root / READ_AGAIN
    lines = place.read().splitlines() if place.exists() else []
    return [json.loads(line) for line in lines]


def _is_outdated(both: pa.Table) -> pa.ChunkedArray:
    tests = (
        pc.not_equal(both["size"], both["size_before"]),
        pc.not_equal(both["mtime_ns"], both["mtime_ns_before"]),
        pc.is_in(both["reason"], pa.array(TRANSIENT)),
        pc.and_(
            pc.equal(both["status"], "quarantined"), pc.not_equal(both["version"], __version__)
        ),
    )
    result = tests[0]
    for test in tests[1:]:
        result = pc.or_(result, test)
    return result


def tasks_of(files: pa.Table, task_bytes: float, cores: int) -> list[pa.Table]:
    """Divide files, in their order, into tasks of about equal bytes."""
    sizes = files["size"].to_numpy()
    by_size = round(sizes.sum() / task_bytes)
    count = min(max(by_size, cores), files.num_rows)
    middles = np.cumsum(sizes) - sizes / 2
    task = np.minimum((middles * count / max(sizes.sum(), 1)).astype(int), count - 1)
    starts = np.flatnonzero(np.diff(task, prepend=-1))
    ends = pairwise([*starts.tolist(), files.num_rows])
    return [files.slice(start, stop - start) for start, stop in ends]


def write_plan(tasks: list[pa.Table], staging: Location) -> Location:
    """Write a Parquet file with a row group for each task."""
    plan = staging / "tasks.parquet"
    with pq.ParquetWriter(plan.key, LISTING, **plan.arrow) as writer:
        for task in tasks:
            writer.write_table(task)
    return plan
