"""A file as readers see it: its name, its bytes, and the files beside it."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from galspec_spark.readers.fits import BadFile, Content, Unit, units

GZIP_MAGIC = b"\x1f\x8b"
GZIP = 31  #: zlib's name for a stream with gzip's header and checksum
#: A compressed file is unpacked in memory; no survey has one nearly as large.
UNPACKED_LIMIT = 256_000_000
PIECE = 1 << 20  #: bytes
#: Most gzip members in a file: twice those of tools that compress in blocks.
MEMBER_LIMIT = 2 * UNPACKED_LIMIT // 65_000


def nothing_beside(name: str) -> Content | None:
    """Return None: the file stands alone."""
    return None


@dataclass(frozen=True)
class Source:
    """One file."""

    path: str  #: or the address
    content: Content  #: not compressed as a whole
    #: Opens another file by its name relative to this file's folder; None if it does not exist.
    beside: Callable[[str], Content | None] = nothing_beside

    @property
    def name(self) -> str:
        """Return the last part of the path, without the suffix of a compressed file."""
        return re.sub(r"\.gz\Z", "", self.path.rpartition("/")[2], flags=re.IGNORECASE)

    def companion(self, name: str) -> tuple[str, Content] | None:
        """Open another file by its name, compressed or not; return the name found, and its content.

        None if there is neither.
        """
        for found in (name, f"{name}.gz"):
            content = self.beside(found)
            if content is not None:
                return found, content
        return None

    @cached_property
    def first_units(self) -> list[Unit]:
        """Return the first four header-data units: enough to recognise any format."""
        return list(islice(units(self.content), 4))


def unpacked(content: Content) -> Content:
    """Unpack content that gzip compressed as a whole; return other content unchanged.

    Gzip members may follow each other, and zeros may pad the end. `UNPACKED_LIMIT` bounds the
    memory, whatever the content; with `MEMBER_LIMIT` it bounds the time.

    Raises
    ------
    BadFile
        If the compressed bytes are damaged, or unpack to more than `UNPACKED_LIMIT`.
    """
    if content[:2] != GZIP_MAGIC:
        return content
    whole = io.BytesIO()
    try:
        for piece in _unpacked_pieces(content):
            whole.write(piece)
            if whole.tell() > UNPACKED_LIMIT:
                megabytes = UNPACKED_LIMIT // 1_000_000
                raise BadFile("too_large", f"it unpacks to more than {megabytes} MB: gunzip it")
    except zlib.error as error:
        raise BadFile("malformed", f"the compressed file is damaged: {error}") from None
    return whole.getvalue()  # not a copy


def _unpacked_pieces(content: Content) -> Iterator[bytes]:
    """Unpack in pieces of at most `PIECE` bytes, packed and unpacked."""
    member, members = zlib.decompressobj(wbits=GZIP), 1
    for start in range(0, len(content), PIECE):
        packed = content[start : start + PIECE]
        while packed:
            if member.eof:
                packed = packed.lstrip(b"\0")
                if not packed:
                    break
                member, members = zlib.decompressobj(wbits=GZIP), members + 1
                if members > MEMBER_LIMIT:
                    raise BadFile("too_large", f"it has more than {MEMBER_LIMIT} compressed parts")
            yield member.decompress(packed, PIECE)
            packed = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise BadFile("truncated", "the compressed file ends too early")
