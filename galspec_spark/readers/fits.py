"""FITS files as bytes: find the header-data units, decode tables and images with numpy.

A layout is parsed by astropy once per distinct sequence of bytes; files of one survey share almost
all of theirs. What numpy cannot map directly (scaled columns, heaps, compressed tiles) is decoded
by astropy instead, to the same values. Only the bytes that are asked for are read.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from astropy.io import fits

BLOCK, CARD = 2880, 80
END_CARD = b"END".ljust(CARD)
#: Cards that say how the data are laid out; in an image's header all others are the file's own.
#: The 8 bytes of a keyword are one number: so a header's are compared at once.
STRUCTURE = frozenset(
    int.from_bytes(name.ljust(8).encode("ascii"), sys.byteorder)
    for name in (
        *("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "EXTNAME", "BSCALE", "BZERO", "BLANK"),
        *(f"NAXIS{axis}" for axis in range(1, 10)),
    )
)
PIXEL_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
ALL = slice(None)

#: What astropy raises where it cannot read what a header promises.
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


@dataclass(frozen=True)
class Layout:
    """What the header of one header-data unit says of its data."""

    name: str  #: EXTNAME, upper case
    bytes: int  #: of the data, without padding
    shape: tuple[int, ...] = ()  #: of an image, in numpy's order; (rows,) of a table
    columns: frozenset[str] = frozenset()  #: of a table, lower case
    dtype: np.dtype[Any] | None = None  #: maps the pixels, or the columns that are plain numbers


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
    start, index = 0, 0
    while start < len(content):
        header = _header(content, start)
        layout = parse_layout(_of_the_layout(header))
        data = _padded(start + len(header))
        if data + layout.bytes > len(content):
            missing = data + layout.bytes - len(content)
            raise BadFile("truncated", f"{missing} bytes of header-data unit {index} are missing")
        yield Unit(index, layout, header, data)
        start, index = _padded(data + layout.bytes), index + 1


def table(
    content: Content, unit: Unit, wanted: Set[str], rows: slice = ALL
) -> npt.NDArray[np.void]:
    """Decode columns of a binary table.

    Parameters
    ----------
    content
        The whole file.
    unit
        From `units`.
    wanted
        Names of columns, lower case; those that the table lacks are left out.
    rows
        Which rows, without a step.

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
        return _mapped(content, unit, _fields(layout.dtype, frozenset(names)), rows)
    with _astropy_unit(content, unit) as hdus:
        try:
            columns = {name: np.asarray(hdus[1].data[name])[rows] for name in sorted(names)}
        except DECODING_ERRORS as error:
            raise BadFile("malformed", f"astropy cannot read the table: {error}") from None
    dtype = np.dtype([(name, column.dtype, column.shape[1:]) for name, column in columns.items()])
    decoded = np.empty(len(range(*rows.indices(layout.shape[0]))), dtype)
    for name, column in columns.items():
        decoded[name] = column
    return decoded


def image(content: Content, unit: Unit, rows: slice = ALL) -> npt.NDArray[Any]:
    """Decode an image, or a range of its slowest axis.

    Returns
    -------
    ndarray
        Numbers may be big-endian; scaling (BSCALE, BZERO) is applied.

    Raises
    ------
    BadFile
        If the unit holds no image, or astropy has to decode it and cannot.
    """
    layout = unit.layout
    if not layout.shape or layout.columns:
        raise BadFile("malformed", f"header-data unit {unit.index} is not an image")
    if layout.dtype is not None:
        return _mapped(content, unit, layout.dtype, rows)
    with _astropy_unit(content, unit) as hdus:
        try:
            return np.asarray(hdus[-1].data)[rows]
        except DECODING_ERRORS as error:
            raise BadFile("malformed", f"astropy cannot read the image: {error}") from None


def cards(unit: Unit, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of header cards, without those that are missing, empty or unreadable."""
    values = {}
    for name in names:
        start = unit.header.find(name.ljust(8).encode("ascii") + b"= ")
        while start > 0 and start % CARD:
            start = unit.header.find(name.ljust(8).encode("ascii") + b"= ", start + 1)
        if start < 0:
            continue
        try:
            value = fits.Card.fromstring(unit.header[start : start + CARD]).value
        except (fits.VerifyError, ValueError):
            continue
        if not isinstance(value, fits.card.Undefined):
            values[name] = value.strip() if isinstance(value, str) else value
    return values


@lru_cache(maxsize=4096)
def _fields(dtype: np.dtype[Any], names: frozenset[str]) -> np.dtype[Any]:
    """Return the dtype of some columns of a table, at their places within its rows."""
    return dtype[sorted(names)]


def _mapped(content: Content, unit: Unit, dtype: np.dtype[Any], rows: slice) -> npt.NDArray[Any]:
    """View the bytes of some rows of a table, or of the slowest axis of an image."""
    count, *inner = unit.layout.shape
    first, last, _ = rows.indices(count)
    row_bytes = unit.layout.bytes // count if inner else dtype.itemsize
    if not isinstance(content, bytes):
        content = content[unit.start + first * row_bytes : unit.start + last * row_bytes]
        offset = 0
    else:
        offset = unit.start + first * row_bytes
    elements = (last - first) * math.prod(inner)
    return np.frombuffer(content, dtype, elements, offset).reshape(last - first, *inner)


def _astropy_unit(content: Content, unit: Unit) -> fits.HDUList:
    """Open one header-data unit alone with astropy."""
    header = unit.header.ljust(_padded(len(unit.header)))
    data = content[unit.start : _padded(unit.start + unit.layout.bytes)]
    first = b"" if unit.index == 0 else EMPTY_PRIMARY
    return fits.open(io.BytesIO(first + header + data), memmap=False)


def _header(content: Content, start: int) -> bytes:
    length = 4 * BLOCK
    while True:
        header = content[start : start + length]
        end = header.find(END_CARD)
        while end >= 0 and end % CARD:
            end = header.find(END_CARD, end + 1)
        # Without its own END card a header would take the next unit's, beyond its data.
        if any(header.startswith(b"XTENSION=", i) for i in range(BLOCK, end, BLOCK)):
            raise BadFile("malformed", f"the header that begins at byte {start} has no END card")
        if end >= 0:
            return header[: end + CARD]
        if len(header) < length:
            raise BadFile("truncated", f"the header that begins at byte {start} has no end")
        length *= 4


def _padded(position: int) -> int:
    return -(-position // BLOCK) * BLOCK


def _of_the_layout(header: bytes) -> bytes:
    """Return those cards of a header that its layout depends on."""
    if header.startswith(b"XTENSION= 'BINTABLE'"):
        return header
    keywords = memoryview(header).cast("Q")[:: CARD // 8].tolist()
    found = [i * CARD for i, keyword in enumerate(keywords) if keyword in STRUCTURE]
    return b"".join([header[start : start + CARD] for start in found])


@lru_cache(maxsize=4096)
def parse_layout(header: bytes) -> Layout:
    """Parse a header, or those of its cards that `STRUCTURE` names.

    Raises
    ------
    BadFile
        If the header does not describe its data.
    """
    try:
        known = fits.Header.fromstring(header)
        axes = [int(known[f"NAXIS{i}"]) for i in range(1, int(known["NAXIS"]) + 1)]
        elements = math.prod(axes) if axes else 0
        item = abs(int(known["BITPIX"])) // 8
        size = item * int(known.get("GCOUNT", 1)) * (elements + int(known.get("PCOUNT", 0)))
        if size < 0 or any(axis < 0 for axis in axes):
            raise BadFile("malformed", "a header gives its data a negative size")
        name = str(known.get("EXTNAME", "")).strip().upper()
        if known.get("ZIMAGE"):
            compressed = range(int(known["ZNAXIS"]), 0, -1)
            return Layout(name, size, tuple(int(known[f"ZNAXIS{i}"]) for i in compressed))
        if str(known.get("XTENSION", "")).strip() != "BINTABLE":
            return Layout(name, size, tuple(axes[::-1]), dtype=_pixel_dtype(known))
        columns = fits.BinTableHDU.fromstring(header.ljust(_padded(len(header)))).columns
        names = frozenset(column.lower() for column in columns.names)
        return Layout(name, size, (axes[1],), names, _plain_dtype(known, columns, axes[0]))
    except (KeyError, ValueError, TypeError, IndexError, OSError, fits.VerifyError) as error:
        raise BadFile("malformed", f"a header does not describe its data: {error}") from None


def _pixel_dtype(known: fits.Header) -> np.dtype[Any] | None:
    """Return the dtype of an image's pixels, None where their bytes are not their values."""
    if known.get("BSCALE", 1) != 1 or known.get("BZERO", 0) != 0 or "BLANK" in known:
        return None
    return np.dtype(PIXEL_TYPES[known["BITPIX"]])


def _plain_dtype(
    known: fits.Header, columns: fits.ColDefs, row_bytes: int
) -> np.dtype[np.void] | None:
    """Return the big-endian dtype of the columns without scaling, logicals, bits and heap."""
    stored = columns.dtype.newbyteorder(">")
    if stored.itemsize != row_bytes:
        return None
    plain = [
        i
        for i, column in enumerate(columns)
        if not set("LXPQ") & set(str(column.format))
        and known.get(f"TSCAL{i + 1}", 1) == 1
        and known.get(f"TZERO{i + 1}", 0) == 0
    ]
    return np.dtype(
        {
            "names": [columns.names[i].lower() for i in plain],
            "formats": [stored[i] for i in plain],
            "offsets": [stored.fields[columns.names[i]][1] for i in plain],
            "itemsize": row_bytes,
        }
    )


EMPTY_PRIMARY = fits.PrimaryHDU().header.tostring().encode("ascii")
