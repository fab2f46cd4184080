"""A file as readers see it: its name, its bytes, and the files beside it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from galspec_spark.readers.fits import BadFile, Content, Unit, units

GZIP_MAGIC = b"\x1f\x8b"
#: A compressed file is unpacked in memory; none of the surveys' is nearly as large.
UNPACKED_LIMIT = 256_000_000


def nothing_beside(name: str) -> Content | None:
    """Say that there is no other file, whatever its name."""
    return None


@dataclass(frozen=True)
class Source:
    """One file."""

    path: str  #: or the address
    content: Content  #: not compressed as a whole
    #: Opens another file by its name relative to this one's folder; None where there is none.
    beside: Callable[[str], Content | None] = nothing_beside

    @property
    def name(self) -> str:
        """Return the last part of the path, without what says that it was compressed."""
        return self.path.rpartition("/")[2].removesuffix(".gz")

    @cached_property
    def first_units(self) -> list[Unit]:
        """Return the first four header-data units: enough to tell any format."""
        return list(islice(units(self.content), 4))


def unpacked(content: Content) -> Content:
    """Unpack what gzip compressed as a whole; return anything else as it is.

    Raises
    ------
    BadFile
        If the compressed bytes are damaged, or unpack to more than `UNPACKED_LIMIT`.
    """
    if content[:2] != GZIP_MAGIC:
        return content
    packed, pieces, room = content[:], [], UNPACKED_LIMIT
    try:
        while packed:
            stream = zlib.decompressobj(wbits=31)
            pieces.append(stream.decompress(packed, room))
            room -= len(pieces[-1])
            if room <= 0:
                megabytes = UNPACKED_LIMIT // 1_000_000
                raise BadFile("too_large", f"it unpacks to more than {megabytes} MB: gunzip it")
            if not stream.eof:
                raise BadFile("truncated", "the compressed file ends too early")
            packed = stream.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise BadFile("malformed", f"the compressed file is damaged: {error}") from None
    return b"".join(pieces)
