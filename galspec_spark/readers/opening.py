"""Open files for the readers: small files whole, large files on demand."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pyarrow as pa

from galspec_spark.readers.fits import BadFile, Content
from galspec_spark.readers.source import Source, unpacked
from galspec_spark.warehouse.storage import Location

#: Larger files are read in slices: a plate or a coadd of hundreds of megabytes.
WHOLE_FILE_BYTES = 32_000_000
#: Concurrent requests to a remote storage; a small file costs one round trip.
READ_AHEAD = 16
#: What is listed beside files.
KINDS = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket"}


class OnDemand:
    """The bytes of a large file, read slice by slice."""

    def __init__(self, place: Location, size: int) -> None:
        self._file: pa.NativeFile = place.open()
        _check_size(size, self._file.size())
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> bytes:
        first, last, _ = key.indices(self._size)
        content: bytes = self._file.read_at(max(last - first, 0), first)
        return content


def open_source(path: str, size: int) -> Source:
    """Open a file.

    Parameters
    ----------
    path
        The path of a `Location`.
    size
        In bytes, as listed.

    Raises
    ------
    BadFile
        If the file cannot be read or unpacked.
    """
    if path.startswith("file:"):
        raise BadFile("bad_name", "its name is not UTF-8 text: rename it")
    place = Location(path)
    return Source(path, _content(place, size), partial(_beside, place.parent))


def open_sources(files: Iterable[tuple[str, int]]) -> Iterator[Source | BadFile]:
    """Open files one after another, remote ones ahead of time.

    Parameters
    ----------
    files
        Path and size of each file.

    Returns
    -------
    iterator
        The source of each file, or the reason why it cannot be opened.
    """
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        waiting: deque[Future[Source | BadFile]] = deque()
        for path, size in files:
            if Location(path).is_local:
                yield _try_open(path, size)
                continue
            waiting.append(pool.submit(_try_open, path, size))
            if len(waiting) == READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _try_open(path: str, size: int) -> Source | BadFile:
    try:
        return open_source(path, size)
    except BadFile as error:
        return error


def _beside(folder: Location, name: str) -> Content | None:
    place = folder / name
    return _content(place, place.status().size) if place.exists() else None


def _content(place: Location, size: int) -> Content:
    """Open a file and unpack it; no more is read of it than was listed."""
    try:
        if place.is_local:
            _check_kind(place.path)
        large = size > WHOLE_FILE_BYTES
        return unpacked(OnDemand(place, size) if large else _whole(place, size))
    except OSError as error:
        cause = error.strerror or str(error).splitlines()[0]
        raise BadFile("unreadable", f"the file cannot be read: {cause}") from None


def _check_kind(path: str) -> None:
    """Reject what is no file before it is opened: a named pipe waits, a device may never end."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise BadFile("unreadable", "the folder cannot be listed")
    if not stat.S_ISREG(mode):
        kind = next((kind for test, kind in KINDS.items() if test(mode)), "a device")
        raise BadFile("not_a_file", f"it is {kind}, not a file: it is not opened")


def _whole(place: Location, size: int) -> bytes:
    if place.is_local:  # twice as fast for small files as through pyarrow
        with open(place.path, "rb") as local:
            content = local.read(size)
            now = os.fstat(local.fileno()).st_size
    else:
        with place.open() as remote:
            content, now = remote.read(size), remote.size()
    _check_size(size, now, len(content))
    return content


def _check_size(listed: int, *found: int) -> None:
    if set(found) != {listed}:
        message = f"it has changed since it was listed with {listed} bytes: ingest it again"
        raise BadFile("changed", message)
