"""Local files: their one name, their status, and those below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from galspec_spark.errors import UserError


class FileStatus(NamedTuple):
    """One file of a listing."""

    path: str
    size: int
    mtime_ns: int


def local_files(folder: str) -> Iterator[FileStatus]:
    """List the files below a folder; none if it does not exist."""
    for place, _, names in os.walk(folder, followlinks=True, onerror=_fail_unless_absent):
        for name in names:
            yield local_status(f"{place}/{name}")


def _fail_unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def local_status(path: str) -> FileStatus:
    """Return the status of a local file; size and time are 0 where a link leads nowhere."""
    try:
        status = os.stat(path)
    except OSError:
        return FileStatus(path, 0, 0)
    return FileStatus(path, status.st_size, status.st_mtime_ns)


def is_text(path: str) -> bool:
    """Tell whether the bytes of a path are UTF-8; others Python writes as surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def path_of_uri(uri: str) -> str:
    """Return the path of a ``file:`` URI: file:/a, file:///a or file://localhost/a."""
    path = uri.removeprefix("file:")
    if path.startswith("//"):
        host, _, rest = path[2:].partition("/")
        if host not in ("", "localhost"):
            raise UserError(f"{uri} names a machine, {host!r}: a local path is file:///path")
        path = f"/{rest}"
    return os.fsdecode(unquote_to_bytes(os.fsencode(path)))


def one_form(path: str) -> str:
    """Return the one name of a local file or folder: absolute, without links on the way.

    A file that is a link keeps its own name: it is read with the files beside the link.
    """
    if not is_text(path):
        raise UserError(f"the name {path!a} is not UTF-8 text: rename it")
    if os.path.isdir(path):
        return os.path.realpath(path)
    given = Path(path)
    return os.path.join(os.path.realpath(given.parent), given.name)
