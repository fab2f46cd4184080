"""Files and folders wherever pyarrow reaches: local paths, file://, s3:// and hdfs://.

Credentials come from the environment only (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_REGION, AWS_ENDPOINT_URL, or the machine's role); an address that holds credentials is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from pyarrow import fs
from pydantic_core import to_jsonable_python

from galspec_spark.errors import UserError
from galspec_spark.warehouse.addresses import read_address
from galspec_spark.warehouse.durable import sync
from galspec_spark.warehouse.local import FileStatus, local_files, local_status


@dataclass(frozen=True, order=True)
class Location:
    """A file or folder; picklable, so that tasks open it with their own machine's credentials."""

    path: str  #: absolute where it is local, else an address such as s3://bucket/folder

    def __post_init__(self) -> None:
        if not self.path.startswith("/") and "://" not in self.path:
            raise ValueError(f"{self.path} is relative: read what a user gives with Location.of")

    @classmethod
    def of(cls, path: str | Path | Location) -> Location:
        """Read a path or address as a user gives it, in the one form that names its place.

        Raises
        ------
        UserError
            If the address is incomplete, has an unknown scheme, or holds credentials, or a path is
            not UTF-8.
        """
        if isinstance(path, Location):
            return path
        return cls(read_address(str(path)))

    def __truediv__(self, name: str | Path) -> Location:
        return Location(f"{self.path.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Location:
        """Return the folder."""
        return Location(self.path.rpartition("/")[0] or "/")

    @property
    def is_local(self) -> bool:
        """Tell whether this is a path of this machine."""
        return self.path.startswith("/")

    @property
    def arrow(self) -> dict[str, fs.FileSystem]:
        """Return the filesystem, as the keyword argument that pyarrow's functions take."""
        return {"filesystem": self._filesystem}

    @property
    def key(self) -> str:
        """Return the path within the filesystem, which goes with `arrow`."""
        if self.is_local:
            return self.path
        scheme, _, rest = self.path.partition("://")
        return rest if scheme == "s3" else "/" + rest.partition("/")[2]

    @property
    def _filesystem(self) -> fs.FileSystem:
        return _filesystem("/" if self.is_local else "/".join(self.path.split("/")[:3]))

    def exists(self) -> bool:
        """Tell whether the file or folder exists."""
        return bool(self._type() != fs.FileType.NotFound)

    def is_folder(self) -> bool:
        """Tell whether this is a folder that exists; on S3 an empty folder does not."""
        return bool(self._type() == fs.FileType.Directory)

    def _type(self) -> fs.FileType:
        return self._filesystem.get_file_info(self.key).type

    def read(self) -> bytes:
        """Return the content of a file.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        if self.is_local:  # twice as fast for small files as through pyarrow
            with open(self.path, "rb", buffering=0) as local:
                return local.read()
        with self._filesystem.open_input_file(self.key) as file:
            content: bytes = file.read()
        return content

    def open(self) -> pa.NativeFile:
        """Open a file for reading at any position."""
        return self._filesystem.open_input_file(self.key)

    def write(self, content: bytes, *, durable: bool = False) -> None:
        """Write a file atomically, and where durable so that no loss of power undoes it."""
        if self.path.startswith("s3:"):  # an object appears when it is complete
            self._write(content)
            return
        temporary = self.parent / f".{self.name}.{os.getpid()}.tmp"
        self.parent.make_folder()
        try:
            temporary._write(content)
            if durable:
                temporary.sync()
            temporary.move(self)
            if durable:
                self.parent.sync()
        finally:
            temporary.delete()

    def _write(self, content: bytes) -> None:
        with self._filesystem.open_output_stream(self.key, compression=None) as file:
            file.write(content)

    def sync(self) -> None:
        """Wait until a local file, or the names in a local folder, are on the disk."""
        if self.is_local:  # other storages have what they took
            sync(self.path)

    def make_folder(self) -> None:
        """Make a folder and its parents; S3 needs none."""
        if not self.path.startswith("s3:"):
            self._filesystem.create_dir(self.key, recursive=True)

    def move(self, target: Location) -> None:
        """Rename a file within its filesystem; replace an existing target."""
        target.parent.make_folder()
        self._filesystem.move(self.key, target.key)

    def delete(self) -> None:
        """Delete a file if it exists."""
        with suppress(FileNotFoundError):
            self._filesystem.delete_file(self.key)

    def delete_folder(self) -> None:
        """Delete a folder and its content if it exists."""
        with suppress(FileNotFoundError):
            self._filesystem.delete_dir(self.key)

    def names(self) -> list[str]:
        """Return the sorted names of the entries of a folder.

        Raises
        ------
        OSError
            If the folder cannot be listed.
        """
        if self.is_local:
            return sorted(os.listdir(self.path))
        return sorted(
            info.base_name for info in self._filesystem.get_file_info(fs.FileSelector(self.key))
        )

    def files(self) -> Iterator[FileStatus]:
        """List the files below a folder, one folder at a time; none if the folder does not exist.

        Links are followed.

        Raises
        ------
        OSError
            If a folder cannot be listed.
        """
        return local_files(self.path) if self.is_local else self._remote_files()

    def _remote_files(self) -> Iterator[FileStatus]:
        selector = fs.FileSelector(self.key, allow_not_found=True)
        for info in self._filesystem.get_file_info(selector):
            entry = self / info.base_name
            if info.type == fs.FileType.Directory:
                yield from entry._remote_files()
            else:
                yield FileStatus(entry.path, info.size, info.mtime_ns or 0)

    def status(self) -> FileStatus:
        """Return the size and modification time of a file."""
        if self.is_local:
            return local_status(self.path)
        info = self._filesystem.get_file_info(self.key)
        return FileStatus(self.path, info.size or 0, info.mtime_ns or 0)


@lru_cache(maxsize=64)
def _filesystem(root: str) -> fs.FileSystem:
    """Open a filesystem once in each process.

    Raises
    ------
    UserError
        If pyarrow cannot open it.
    """
    if root == "/":
        return fs.LocalFileSystem()
    try:
        return fs.FileSystem.from_uri(root)[0]
    except (OSError, ValueError) as error:
        cause = str(error).strip().splitlines()[0]
        raise UserError(f"cannot open {root}: {cause}") from None


def write_json(path: Path | Location, content: object) -> None:
    """Write a JSON file that is whole or not there; models and dataclasses become objects."""
    text = json.dumps(content, indent=2, allow_nan=False, default=to_jsonable_python) + "\n"
    Location.of(path).write(text.encode(), durable=True)
