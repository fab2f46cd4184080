"""FITS files as bytes: find the header-data units, decode binary tables with numpy.

A header is parsed by astropy once per distinct sequence of bytes; files of one survey share almost
all of theirs. What numpy cannot map directly (scaled columns, heaps, compression) is decoded by
astropy instead, to the same values.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from astropy.io import fits

BLOCK, CARD = 2880, 80
END_CARD = b"END".ljust(CARD)


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
    """What the header of one header-data unit says."""

    name: str  #: EXTNAME, upper case
    bytes: int  #: of the data, without padding
    rows: int = 0  #: of a table
    columns: frozenset[str] = frozenset()  #: of a table, lower case
    dtype: np.dtype[np.void] | None = None  #: maps those columns whose bytes are their values


@dataclass(frozen=True)
class Unit:
    """One header-data unit of one file."""

    index: int
    layout: Layout
    start: int  #: of the data within the file


def units(content: bytes) -> Iterator[Unit]:
    """Find the header-data units of a FITS file one after another.

    Raises
    ------
    BadFile
        If the content is empty, is not FITS, or ends within a unit.
    """
    if not content:
        raise BadFile("empty", "the file has no bytes")
    if not content.startswith(b"SIMPLE  ="):
        raise BadFile("not_fits", "the file does not begin as a FITS file does")
    start, index = 0, 0
    while start < len(content):
        end = _header_end(content, start)
        layout = parse_layout(content[start:end])
        data = _padded(end)
        if data + layout.bytes > len(content):
            missing = data + layout.bytes - len(content)
            raise BadFile("truncated", f"{missing} bytes of header-data unit {index} are missing")
        yield Unit(index, layout, data)
        start, index = _padded(data + layout.bytes), index + 1


def table(content: bytes, unit: Unit, wanted: Set[str]) -> npt.NDArray[np.void]:
    """Decode columns of a binary table.

    Parameters
    ----------
    content
        The whole file.
    unit
        From `units`.
    wanted
        Names of columns, lower case; those that the table lacks are left out.

    Returns
    -------
    ndarray
        Structured, shape (rows,), with at least the wanted columns; numbers may be big-endian.

    Raises
    ------
    BadFile
        If astropy has to decode a column and cannot.
    """
    layout = unit.layout
    names = wanted & layout.columns
    if layout.dtype is not None and names <= set(layout.dtype.names or ()):
        return np.frombuffer(content, layout.dtype, layout.rows, unit.start)
    try:
        with fits.open(io.BytesIO(content), memmap=False) as hdus:
            columns = {name: np.asarray(hdus[unit.index].data[name]) for name in sorted(names)}
    except (OSError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise BadFile("malformed", f"astropy cannot read the table: {error}") from None
    dtype = np.dtype([(name, column.dtype, column.shape[1:]) for name, column in columns.items()])
    decoded = np.empty(layout.rows, dtype)
    for name, column in columns.items():
        decoded[name] = column
    return decoded


def _header_end(content: bytes, start: int) -> int:
    end = content.find(END_CARD, start)
    while end >= 0 and (end - start) % CARD:
        end = content.find(END_CARD, end + 1)
    if end < 0:
        raise BadFile("truncated", f"the header that begins at byte {start} has no end")
    return end + CARD


def _padded(position: int) -> int:
    return -(-position // BLOCK) * BLOCK


@lru_cache(maxsize=4096)
def parse_layout(header: bytes) -> Layout:
    """Parse a header, from its first card to its END card.

    Raises
    ------
    BadFile
        If the header does not describe its data.
    """
    if header[2 * CARD :].startswith(b"NAXIS   =".ljust(29) + b"0"):
        return Layout("", 0)  # a primary header has the file's own values: parsing is never reused
    try:
        cards = fits.Header.fromstring(header)
        axes = [int(cards[f"NAXIS{i}"]) for i in range(1, int(cards["NAXIS"]) + 1)]
        elements = int(np.prod(axes, dtype=np.int64)) if axes else 0
        size = abs(int(cards["BITPIX"])) // 8 * (elements + int(cards.get("PCOUNT", 0)))
        if size < 0 or any(axis < 0 for axis in axes):
            raise BadFile("malformed", "a header gives its data a negative size")
        name = str(cards.get("EXTNAME", "")).strip().upper()
        if str(cards.get("XTENSION", "")).strip() != "BINTABLE":
            return Layout(name, size)
        columns = fits.BinTableHDU.fromstring(header.ljust(_padded(len(header)))).columns
        names = frozenset(column.lower() for column in columns.names)
        return Layout(name, size, axes[1], names, _plain_dtype(cards, columns, axes[0]))
    except (KeyError, ValueError, TypeError, IndexError, OSError, fits.VerifyError) as error:
        raise BadFile("malformed", f"a header does not describe its data: {error}") from None


def _plain_dtype(
    cards: fits.Header, columns: fits.ColDefs, row_bytes: int
) -> np.dtype[np.void] | None:
    """Return the big-endian dtype of the columns without scaling, logicals, bits and heap."""
    stored = columns.dtype.newbyteorder(">")
    if stored.itemsize != row_bytes:
        return None
    plain = [
        i
        for i, column in enumerate(columns)
        if not set("LXPQ") & set(str(column.format))
        and cards.get(f"TSCAL{i + 1}", 1) == 1
        and cards.get(f"TZERO{i + 1}", 0) == 0
    ]
    return np.dtype(
        {
            "names": [columns.names[i].lower() for i in plain],
            "formats": [stored[i] for i in plain],
            "offsets": [stored.fields[columns.names[i]][1] for i in plain],
            "itemsize": row_bytes,
        }
    )
