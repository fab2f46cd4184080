"""A partly downloaded file, and the check of the whole file.

The file grows as ``NAME.part`` beside its place. ``NAME.part.validator`` has the server's validator
(ETag or date). Only a whole and checked file is renamed to ``NAME``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FITS_BLOCK = 2880  # bytes; a FITS file is a whole number of blocks


class PartFile:
    """The downloaded part of a file."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.path = place.with_name(f"{place.name}.part")
        self._validator = place.with_name(f"{place.name}.part.validator")

    def size(self) -> int:
        """Return the size in bytes; 0 without a part."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def validator(self) -> str:
        """Return the server's validator of this version of the file; empty without one."""
        try:
            return self._validator.read_text("latin-1")
        except FileNotFoundError:
            return ""

    def begin(self, validator: str) -> None:
        """Delete an earlier part, and begin a version of the file."""
        self.discard()
        if validator:
            self._validator.write_text(validator, "latin-1")

    def problem(self, sha1: str | None) -> str | None:
        """Return what is wrong with the finished file; None if it is whole."""
        if sha1 is not None:
            return None if file_sha1(self.path) == sha1 else "the SHA-1 sum differs"
        with self.path.open("rb") as file:
            is_fits = file.read(6) == b"SIMPLE"
        if not is_fits:
            return "the download is not FITS"
        return "the download is not whole FITS blocks" if self.size() % FITS_BLOCK else None

    def finish(self) -> None:
        """Move the whole file to its place."""
        self.path.replace(self.place)
        self._validator.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the part."""
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)


def file_sha1(path: Path) -> str:
    """Return a file's SHA-1 sum, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
