"""Open files for the readers: small files whole, large files on demand."""

from __future__ import annotations

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


class OnDemand:
    """The bytes of a large file, read slice by slice."""

    def __init__(self, place: Location) -> None:
        self._file: pa.NativeFile = place.open()
        self._size: int = self._file.size()

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
    place = Location(path)
    try:
        return Source(path, unpacked(_content(place, size)), partial(_beside, place.parent))
    except OSError as error:
        cause = error.strerror or str(error).splitlines()[0]
        raise BadFile("unreadable", f"the file cannot be read: {cause}") from None


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


def _content(place: Location, size: int) -> Content:
    return place.read() if size <= WHOLE_FILE_BYTES else OnDemand(place)


def _beside(folder: Location, name: str) -> Content | None:
    place = folder / name
    if not place.exists():
        return None
    return unpacked(_content(place, place.status().size))
