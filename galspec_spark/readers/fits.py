"""FITS files as bytes: find the header-data units, decode tables and images with numpy.

astropy parses a layout once per distinct sequence of bytes; files of one survey share almost all
layouts. astropy also decodes what numpy cannot map directly (scaled columns, heaps, compressed
tiles), to the same values. Only requested bytes are read.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from galspec_spark.readers.layout import BLOCK, CARD, Layout, layout_of, padded
from galspec_spark.readers.rows import Cards
from galspec_spark.spectrum.arrays import Array

END_CARD = b"END".ljust(CARD)
#: Bytes of a header that are searched for its end; the surveys' longest has 100,000.
HEADER_LIMIT = 2_000_000
#: Most pixels of an image that is decoded whole: 20,000 of DESI's targets.
DECODED_LIMIT = 64_000_000
ALL = slice(None)

#: Errors of astropy where the data do not match their header.
DECODING_ERRORS = (OSError, ValueError, TypeError, IndexError, KeyError, AttributeError)


class Content(Protocol):
    """The bytes of a file: ``bytes``, or anything that reads slices on demand."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes: ...


class BadFile(Exception):
    """A file that cannot be ingested.

    Parameters
    ----------
    reason
        A code, such as ``truncated``.
    message
        One sentence for a person.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(frozen=True, slots=True)
class Unit:
    """One header-data unit of one file."""

    index: int
    layout: Layout
    header: bytes  #: from its first card to its END card
    start: int  #: of the data within the file


def units(content: Content) -> Iterator[Unit]:
    """Find the header-data units of a FITS file one after another.

    Raises
    ------
    BadFile
        If the content is empty, is not FITS, or ends within a unit.
    """
    if not len(content):
        raise BadFile("empty", "the file has no bytes")
    if content[:9] != b"SIMPLE  =":
        raise BadFile("not_fits", "the file does not begin as a FITS file does")
    if len(content) % BLOCK:
        message = f"the file is not whole blocks of {BLOCK} bytes: some are missing or extra"
        raise BadFile("truncated", message)
    start, index = 0, 0
    while start < len(content):
        header = _header(content, start)
        if index and not header.startswith(b"XTENSION="):
            raise BadFile("malformed", f"header-data unit {index} does not begin with XTENSION")
        try:
            layout = layout_of(header)
        except ValueError as error:
            message = f"the header of header-data unit {index} is damaged: {error}"
            raise BadFile("malformed", message) from None
        data = padded(start + len(header))
        if padded(data + layout.bytes) > len(content):
            missing = padded(data + layout.bytes) - len(content)
            raise BadFile("truncated", f"{missing} bytes of header-data unit {index} are missing")
        yield Unit(index, layout, header, data)
        start, index = padded(data + layout.bytes), index + 1


def table(content: Content, unit: Unit, wanted: Set[str]) -> npt.NDArray[np.void]:
    """Decode columns of a binary table.

    Parameters
    ----------
    content
        The whole file.
    unit
        From `units`.
    wanted
        Names of columns, lower case; names that the table lacks are ignored.

    Returns
    -------
    ndarray
        Structured, shape (rows,), with the wanted columns; numbers may be big-endian.

    Raises
    ------
    BadFile
        If astropy has to decode a column and cannot.
    """
    layout = unit.layout
    names = wanted & layout.columns
    if layout.dtype is not None and names <= set(layout.dtype.names or ()):
        return _mapped(content, unit, _fields(layout.dtype, frozenset(names)), ALL)
    with _astropy_unit(content, unit) as hdus:
        try:
            columns = {name: np.asarray(hdus[1].data[name]) for name in sorted(names)}
        except DECODING_ERRORS as error:
            raise BadFile("malformed", f"astropy cannot read the table: {error}") from None
    dtype = np.dtype([(name, column.dtype, column.shape[1:]) for name, column in columns.items()])
    decoded = np.empty(layout.shape[0], dtype)
    for name, column in columns.items():
        decoded[name] = column
    return decoded


def image(content: Content, unit: Unit, rows: slice = ALL) -> Array:
    """Decode an image, or a range of its slowest axis.

    Returns
    -------
    ndarray
        Numbers may be big-endian; scaling (BSCALE, BZERO) is applied.

    Raises
    ------
    BadFile
        If the unit holds no image, astropy has to decode the image and cannot, or it is larger
        than any survey's.
    """
    layout = unit.layout
    if not layout.shape or layout.columns:
        raise BadFile("malformed", f"header-data unit {unit.index} is not an image")
    if layout.dtype is not None:
        return _mapped(content, unit, layout.dtype, rows)
    if math.prod(layout.shape) > DECODED_LIMIT:
        message = f"header-data unit {unit.index} unpacks to {math.prod(layout.shape)} pixels"
        raise BadFile("too_large", message)
    with _astropy_unit(content, unit) as hdus:
        try:
            return np.asarray(hdus[-1].data)[rows]
        except DECODING_ERRORS as error:
            raise BadFile("malformed", f"astropy cannot read the image: {error}") from None


def cards(unit: Unit, names: Iterable[str]) -> Cards:
    """Return the values of header cards, without those that are missing, empty or unreadable.

    Raises
    ------
    UnicodeDecodeError
        If a card is not ASCII, which the standard requires: its text is damaged.
    """
    values = {}
    header = unit.header.upper()  # astropy ignores the case of keywords
    for name in names:
        start = _find_card(header, name.ljust(8).encode("ascii") + b"= ")
        if start < 0:
            continue
        end = start + CARD
        while header.startswith(b"CONTINUE", end):  # a long text
            end += CARD
        try:
            value = fits.Card.fromstring(unit.header[start:end].decode("ascii")).value
        except UnicodeDecodeError:
            raise
        except (fits.VerifyError, ValueError):
            continue
        if not isinstance(value, fits.card.Undefined):
            values[name] = value.strip() if isinstance(value, str) else value
    return values


@lru_cache(maxsize=4096)
def _fields(dtype: np.dtype, names: frozenset[str]) -> np.dtype:
    """Return the dtype of some columns of a table, at their offsets within a row."""
    return dtype[sorted(names)]


def _mapped(content: Content, unit: Unit, dtype: np.dtype, rows: slice) -> Array:
    """View the bytes of some rows of a table, or of the slowest axis of an image."""
    count, *inner = unit.layout.shape
    first, last, _ = rows.indices(count)
    row_bytes = unit.layout.bytes // count if inner else dtype.itemsize
    offset = unit.start + first * row_bytes
    if not isinstance(content, bytes):
        content, offset = content[offset : unit.start + last * row_bytes], 0
    elements = (last - first) * math.prod(inner)
    return np.frombuffer(content, dtype, elements, offset).reshape(last - first, *inner)


def _astropy_unit(content: Content, unit: Unit) -> fits.HDUList:
    """Open one header-data unit alone with astropy."""
    header = unit.header.ljust(padded(len(unit.header)))
    data = content[unit.start : padded(unit.start + unit.layout.bytes)]
    first = b"" if unit.index == 0 else EMPTY_PRIMARY
    return fits.open(io.BytesIO(first + header + data), memmap=False)


def _header(content: Content, start: int) -> bytes:
    """Return the header that begins at a byte, up to its END card."""
    length = 8 * BLOCK
    while True:
        header = content[start : start + length]
        end = _find_card(header, END_CARD)
        # A header without an END card would run on to that of the next unit.
        if any(header.startswith(b"XTENSION=", i) for i in range(BLOCK, end, BLOCK)):
            raise BadFile("malformed", f"the header that begins at byte {start} has no END card")
        if end >= 0:
            if header[end + CARD : padded(end + CARD)].strip(b" "):
                message = f"the header that begins at byte {start} goes on after an END card"
                raise BadFile("malformed", message)
            return header[: end + CARD]
        if len(header) < length or length > HEADER_LIMIT:
            raise BadFile("truncated", f"the header that begins at byte {start} has no end")
        length *= 4


def _find_card(header: bytes, begin: bytes) -> int:
    """Return the offset of the first card that begins so, -1 without such a card."""
    start = header.find(begin)
    while start >= 0 and start % CARD:
        start = header.find(begin, start + 1)
    return start


EMPTY_PRIMARY = fits.PrimaryHDU().header.tostring().encode("ascii")
