"""The list of the files that a stream has taken, in the order in which it took them.

Spark replays a batch after a crash and has to get the same files. So a file gets its place in this
list, on the disk, before Spark hears of it, and keeps it for ever; an offset is a count of files.

The list is a folder of Parquet files, named by the place of their first row. Appending merges the
last ones that are not longer than what is added, as the digits of a binary counter carry, so that
there are few however long a stream runs. Killed between the merge and the removal of what was
merged, it leaves parts that begin before the end of an earlier one: these are ignored.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import LISTING
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.storage import Location, write_json

IDENTITY = "_log.json"
PREFIX = "files-"
#: A killed query's lock outlives it: for a moment on one machine, for a minute on S3.
TRIES, PAUSE = 20, 1.0  # seconds


class FileLog:
    """The list of one stream, open for its only writer until it is closed.

    Attributes
    ----------
    id
        Identifier of the list; a new folder has a new one.
    files
        Path, size and modification time of each file.

    Raises
    ------
    UserError
        If another query uses the folder, or a part of the list is missing.
    """

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._holding = ExitStack()
        self._check_lock = _lock(self._holding, folder)
        identity = folder / IDENTITY
        if not identity.exists():
            write_json(identity, {"id": uuid.uuid4().hex})
        self.id: str = json.loads(identity.read())["id"]
        self._parts: list[pa.Table] = []
        for name in folder.names():
            if name.startswith(PREFIX) and name.endswith(".parquet"):
                self._read(name)
        self.files = pa.concat_tables([LISTING.empty_table(), *self._parts])

    def __len__(self) -> int:
        return len(self.files)

    def close(self) -> None:
        """Let another query use the folder."""
        self._holding.close()

    def append(self, listed: pa.Table) -> None:
        """Add those of the listed files that the list does not have, the oldest first."""
        is_new = pc.invert(pc.is_in(listed["path"], self.files["path"]))
        new = listed.filter(is_new).sort_by([("mtime_ns", "ascending"), ("path", "ascending")])
        if not new.num_rows:
            return
        self._check_lock()
        added, first, merged = new, len(self), [self._place(len(self))]
        while self._parts and self._parts[-1].num_rows <= added.num_rows:
            part = self._parts.pop()
            first -= part.num_rows
            merged.append(self._place(first))
            added = pa.concat_tables([part, added])
        self._place(first).write(_parquet(added), durable=True)
        for place in merged[:-1]:  # the last has been replaced
            place.delete()
        self._parts.append(added)
        self.files = pa.concat_tables([self.files, new])

    def _place(self, first: int) -> Location:
        return self._folder / f"{PREFIX}{first:012d}.parquet"

    def _read(self, name: str) -> None:
        first, rows = int(name[len(PREFIX) : -len(".parquet")]), sum(map(len, self._parts))
        if first > rows:
            raise UserError(
                f"the list of files in {self._folder} lacks those from {rows} to {first - 1}: "
                "restore it, or begin with a new checkpoint and a new log"
            )
        if first == rows:
            content = (self._folder / name).read()
            self._parts.append(pq.read_table(pa.BufferReader(content), schema=LISTING))


def _lock(holding: ExitStack, folder: Location) -> Callable[[], None]:
    """Lock the folder; return a function that fails if the lock was lost."""
    for _ in range(TRIES):
        try:
            return holding.enter_context(hold_lock(folder, uuid.uuid4().hex))
        except UserError:
            time.sleep(PAUSE)
    raise UserError(f"another query takes files by {folder}: give each a log of its own")


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
