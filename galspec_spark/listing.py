"""Which files there are, which of them are new, and how they are divided into tasks."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galspec_spark.errors import UserError
from galspec_spark.schemas import FILES
from galspec_spark.tables import Warehouse

FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")

#: Tasks for each core at least, so that none waits long for the last one.
TASKS_PER_CORE = 2

LISTING = pa.schema([FILES.field(name) for name in ("path", "size", "mtime_ns")])

log = logging.getLogger(__name__)


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
            found[str(file)] = _size_and_mtime(file)
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


def _size_and_mtime(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:  # a dangling link, say: reading it will give the reason for its quarantine
        return 0, 0
    return status.st_size, status.st_mtime_ns


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
        starts = np.flatnonzero(np.diff(task, prepend=-1))  # of each task: they follow one another
        for start, stop in pairwise([*starts.tolist(), new.num_rows]):
            writer.write_table(new.slice(start, stop - start))
    return plan
