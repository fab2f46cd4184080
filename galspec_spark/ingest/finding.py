"""Find the FITS files below the inputs, each once, and count what is left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import quote

from galspec_spark.errors import UserError
from galspec_spark.ingest.globs import is_pattern, matches
from galspec_spark.warehouse.local import FileStatus, is_text, local_status
from galspec_spark.warehouse.storage import Location

#: Names of FITS files; fz is FITS compressed tile by tile.
FITS_NAME = re.compile(r".+\.(fits|fit|fts)(\.gz|\.fz)?", re.IGNORECASE | re.DOTALL)
SUFFIXES = ".fits, .fit and .fts, also with .gz or .fz"
#: Suffixes that are counted one by one.
SUFFIX = re.compile(r"\.[a-z0-9]{1,8}", re.IGNORECASE)
HIDDEN = "hidden"


@dataclass
class Finder:
    """Finds the files of several inputs, each once."""

    may_be_empty: bool = False  #: whether an input may hold no FITS file
    #: Entries that are not taken, by suffix; hidden ones, a folder as one, under `HIDDEN`.
    left_out: Counter[str] = field(default_factory=Counter)
    listed: set[str] = field(default_factory=set)  #: local folders
    _met_again: int = 0  #: folders that had been listed

    def files(self, name: str) -> Iterator[FileStatus]:
        """Find the files of one input; a file given by its name is taken whatever that is.

        Raises
        ------
        UserError
            If the input does not exist, or holds no FITS file; if it is a pattern, and nothing
            matches.
        OSError
            If the input cannot be listed. A folder below that cannot is found like a file.
        """
        place = Location.of(name)
        places = [place]
        if not place.exists():
            if not is_pattern(name):
                raise UserError(f"input {name} does not exist")
            places = list(matches(place))
            if not places and not self.may_be_empty:
                raise UserError(f"nothing matches {name}")
        elif not place.is_folder():
            yield place.status()
            return
        taken, met_again = 0, self._met_again
        for file in chain.from_iterable(map(self._at, places)):
            taken += 1
            yield file
        if not taken and not self.may_be_empty and self._met_again == met_again:
            others = f"; left out: {in_words(self.left_out)}" if self.left_out else ""
            raise UserError(f"no FITS files ({SUFFIXES}) in {name}{others}")

    def _at(self, place: Location) -> Iterator[FileStatus]:
        if place.is_folder():
            yield from self._local(place.path) if place.is_local else self._remote(place)
        elif self._takes(place.name):
            yield place.status()

    def _local(self, root: str) -> Iterator[FileStatus]:
        """Find files folder by folder; a linked folder goes by its own path."""
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            if folder in self.listed:
                self._met_again += 1
                continue
            try:
                yield from self._in_folder(folder, waiting)
                self.listed.add(folder)
            except FileNotFoundError:  # gone since its parent was listed
                continue
            except OSError:
                if folder == root:
                    raise
                yield _by_name(folder)

    def _in_folder(self, folder: str, waiting: list[str]) -> Iterator[FileStatus]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    self.left_out[HIDDEN] += 1
                elif _is_folder(entry):
                    linked = entry.is_symlink()
                    waiting.append(os.path.realpath(entry.path) if linked else entry.path)
                elif self._takes(entry.name):
                    yield local_status(entry.path) if is_text(entry.path) else _by_name(entry.path)

    def _remote(self, place: Location) -> Iterator[FileStatus]:
        for file in place.files():
            below = file.path.removeprefix(place.path).split("/")
            if any(name.startswith(".") for name in below):
                self.left_out[HIDDEN] += 1
            elif self._takes(below[-1]):
                yield file

    def _takes(self, name: str) -> bool:
        """Tell whether a name is that of a FITS file; count it otherwise."""
        if FITS_NAME.fullmatch(name):
            return True
        suffix = os.path.splitext(name)[1]
        self.left_out[suffix.lower() if SUFFIX.fullmatch(suffix) else "other"] += 1
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself: opening it gives the reason
        return False


def _by_name(path: str) -> FileStatus:
    """Return what stands for an entry that nothing can be read of; opening it gives the reason."""
    return FileStatus(as_text(path), 0, 0)


def as_text(path: str) -> str:
    """Return a path; as a ``file:`` URI, which no path looks like, where it is not UTF-8."""
    return path if is_text(path) else f"file://{quote(os.fsencode(path))}"


def in_words(counts: Counter[str]) -> str:
    """Return counts as words: 3 .csv, 1 hidden."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common(10))
