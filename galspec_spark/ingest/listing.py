"""Which files there are, which of them are to be read, and how they are divided into tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galspec_spark import __version__
from galspec_spark.errors import UserError
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.schemas import FILES
from galspec_spark.warehouse.storage import FileStatus, Location
from galspec_spark.warehouse.tables import Warehouse

FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")

#: Catalogues that are read together with a file of spectra, and how that one's name begins.
CATALOGUES = {
    "spZbest-": "spPlate-",
    "spZline-": "spPlate-",
    "redrock-": "coadd-",
    "zbest-": "coadd-",
}

#: Files that are Python objects at once; as Arrow they take a tenth of the memory.
BATCH = 100_000

#: In the warehouse: paths of files that verify wants to be read again, one a line.
READ_AGAIN = "_read_again.txt"

LISTING = pa.schema([FILES.field(name) for name in ("path", "size", "mtime_ns")])


@dataclass(frozen=True)
class Changes:
    """What a run has to do."""

    new: pa.Table  #: part of the listing: the files to read
    stale: pa.Array  #: paths of those among them whose old rows have to go
    told: Location | None  #: what verify had written down, where this run deals with all of it


def list_files(inputs: Sequence[str]) -> pa.Table:
    """Return path, size and modification time of all FITS files, sorted by path, each once.

    Raises
    ------
    UserError
        If an input does not exist, cannot be listed, or holds no FITS file.
    """
    chunks = []
    for name in inputs:
        place = Location.of(name)
        try:
            chunks += [_as_table(files) for files in _in_batches(_fits_files(place, name))]
        except OSError as error:
            cause = error.strerror or str(error).splitlines()[0]
            raise UserError(f"cannot list {error.filename or name}: {cause}") from None
    listing = pa.concat_tables(chunks).sort_by("path").combine_chunks()
    paths = listing["path"]
    repeated = pc.equal(paths.slice(1), paths.slice(0, max(len(paths) - 1, 0)))
    return listing.filter(pa.chunked_array([[True], *pc.invert(repeated).chunks]))


def _fits_files(place: Location, name: str) -> Iterator[FileStatus]:
    if not place.exists():
        raise UserError(f"input {name} does not exist")
    if not place.is_folder():
        yield place.status()
        return
    empty = True
    for file in place.files():
        if _is_fits(file.path.rpartition("/")[2]):
            empty = False
            yield file
    if empty:
        raise UserError(f"no FITS files ({', '.join(FITS_SUFFIXES)}) in {name}")


def _in_batches(files: Iterator[FileStatus]) -> Iterator[list[FileStatus]]:
    while batch := list(islice(files, BATCH)):
        yield batch


def _as_table(files: list[FileStatus]) -> pa.Table:
    columns = list(zip(*files, strict=True))
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=LISTING)


def _is_fits(name: str) -> bool:
    return name.endswith(FITS_SUFFIXES) and not name.startswith(".")


def changes(listing: pa.Table, warehouse: Warehouse) -> Changes:
    """Compare the listing with the ``files`` table.

    To be read are files that the table does not have, that changed since, that could not be read
    then, that an earlier version quarantined, or that verify named; and files of spectra with such
    a catalogue.
    """
    columns = ["path", "size", "mtime_ns", "status", "reason", "version"]
    none = pa.schema([FILES.field(name) for name in columns]).empty_table()
    parts = [open_part(part).read(columns) for part in warehouse.parts("files")]
    known = pa.concat_tables([none, *parts])
    told = _told_by_verify(warehouse)
    is_known = pc.is_in(listing["path"], known["path"])
    both = listing.filter(is_known).join(known, keys="path", right_suffix="_before")
    again = both.filter(_to_be_read_again(both))["path"]
    wanted = pc.or_(pc.invert(is_known), pc.is_in(listing["path"], again))
    wanted = pc.or_(wanted, pc.is_in(listing["path"], told))
    wanted = pc.or_(wanted, _has_catalogue_in(listing["path"], listing.filter(wanted)["path"]))
    new = listing.filter(wanted)
    had_rows = pc.or_(pc.is_in(new["path"], known["path"]), pc.is_in(new["path"], told))
    all_of_it = len(told) > 0 and pc.all(pc.is_in(told, new["path"])).as_py()
    return Changes(
        new,
        new.filter(had_rows)["path"].combine_chunks(),
        warehouse.root / READ_AGAIN if all_of_it else None,
    )


def _told_by_verify(warehouse: Warehouse) -> pa.Array:
    """Return the paths of the files whose rows verify found to be wrong or missing."""
    place = warehouse.root / READ_AGAIN
    return pa.array(place.read().decode().splitlines() if place.exists() else [], pa.string())


def _to_be_read_again(both: pa.Table) -> pa.ChunkedArray:
    tests = (
        pc.not_equal(both["size"], both["size_before"]),
        pc.not_equal(both["mtime_ns"], both["mtime_ns_before"]),
        pc.fill_null(pc.equal(both["reason"], "unreadable"), False),
        pc.and_(
            pc.equal(both["status"], "quarantined"), pc.not_equal(both["version"], __version__)
        ),
    )
    result = tests[0]
    for test in tests[1:]:
        result = pc.or_(result, test)
    return result


def _has_catalogue_in(paths: pa.ChunkedArray, read: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell which files have a catalogue, in their folder or one below, among those to be read."""
    begins = re.compile("|".join(CATALOGUES))
    catalogues = read.filter(pc.match_substring_regex(read, f"/({begins.pattern})[^/]*$"))
    spectra = []
    for path in catalogues.to_pylist():
        folder, _, name = path.rpartition("/")
        wanted = begins.sub(lambda found: CATALOGUES[found.group()], name, count=1)
        spectra += [f"{folder}/{wanted}", f"{folder.rpartition('/')[0]}/{wanted}"]
    return pc.is_in(paths, pa.array(spectra, pa.string()))


def tasks_of(files: pa.Table, task_bytes: float, cores: int) -> list[pa.Table]:
    """Divide files into tasks of about equal bytes: files that follow one another."""
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
