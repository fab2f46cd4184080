"""A file that has come in part, and the check when it is whole.

It grows as ``NAME.part`` beside its place, with the server's validator (ETag or date) in
``NAME.part.validator``; only a whole and checked file is renamed to ``NAME``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FITS_BLOCK = 2880  # bytes; a FITS file is whole blocks


class PartFile:
    """The part of a file that has come so far."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.path = place.with_name(f"{place.name}.part")
        self._validator = place.with_name(f"{place.name}.part.validator")

    def size(self) -> int:
        """Return its size in bytes."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def validator(self) -> str:
        """Return what the server calls this version of the file; empty if it cannot be told."""
        try:
            return self._validator.read_text("latin-1")
        except FileNotFoundError:
            return ""

    def begin(self, validator: str) -> None:
        """Drop what was there, and begin a version of the file."""
        self.discard()
        if validator:
            self._validator.write_text(validator, "latin-1")

    def problem(self, sha1: str | None) -> str | None:
        """Return what is wrong with the file, now that it should be whole."""
        if sha1 is not None:
            return None if file_sha1(self.path) == sha1 else "the SHA-1 sum differs"
        with self.path.open("rb") as file:
            is_fits = file.read(6) == b"SIMPLE"
        if not is_fits:
            return "what came is not FITS"
        return "what came is not whole FITS blocks" if self.size() % FITS_BLOCK else None

    def finish(self) -> None:
        """Bring the whole file to its place."""
        self.path.replace(self.place)
        self._validator.unlink(missing_ok=True)

    def discard(self) -> None:
        """Drop what has come so far."""
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)


def file_sha1(path: Path) -> str:
    """Return a file's SHA-1 sum, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
