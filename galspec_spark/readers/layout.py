"""Layouts of header-data units, parsed from headers and checked against the FITS standard.

astropy accepts much that the standard forbids: columns that do not fill a row, axes that are not
whole numbers, a card twice. In a survey's file such a header is damaged, and data would be read
from wrong offsets.

Standard: https://fits.gsfc.nasa.gov/fits_standard.html, version 4.0.
"""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.io import fits

BLOCK, CARD = 2880, 80
PIXEL_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
#: Cards of an image's header that define its layout; all others are the file's own.
LAYOUT_CARDS = frozenset(
    {
        *("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS"),
        *("EXTNAME", "BSCALE", "BZERO", "BLANK", "END", *(f"NAXIS{axis}" for axis in range(1, 10))),
    }
)
#: Prefixes of the cards that define how a column is stored.
COLUMN_CARDS = ("TTYPE", "TFORM", "TSCAL", "TZERO", "TNULL", "TDIM")
#: The standard's limits are 999 for both.
MOST_AXES, MOST_COLUMNS = 9, 999
#: Keywords as 8-byte integers: all keywords of a header are compared at once.
LAYOUT_KEYWORDS = frozenset(
    int.from_bytes(name.ljust(8).encode("ascii"), sys.byteorder) for name in LAYOUT_CARDS
)
CONTINUE = int.from_bytes(b"CONTINUE", sys.byteorder)


@dataclass(frozen=True)
class Layout:
    """Name, size, shape and dtype of a unit's data, from its header."""

    name: str  #: EXTNAME, upper case
    bytes: int  #: of the data, without padding
    shape: tuple[int, ...] = ()  #: of an image, in numpy's order; (rows,) of a table
    columns: frozenset[str] = frozenset()  #: of a table, lower case
    dtype: np.dtype | None = None  #: maps the pixels, or the columns that are plain numbers


def layout_of(header: bytes) -> Layout:
    """Return the layout that a header gives its data.

    Parameters
    ----------
    header
        From its first card to its END card.

    Raises
    ------
    ValueError
        If the header violates the standard, or astropy cannot parse it.
    """
    if header.startswith(b"XTENSION= 'BINTABLE'"):
        return parse_layout(header)
    keywords = memoryview(header.upper()).cast("Q")[:: CARD // 8].tolist()
    found = [i for i, keyword in enumerate(keywords) if keyword in LAYOUT_KEYWORDS]
    if CONTINUE in keywords:
        found += [i + 1 for i in found if keywords[i + 1 : i + 2] == [CONTINUE]]
    return parse_layout(b"".join([header[i * CARD : (i + 1) * CARD] for i in sorted(found)]))


@lru_cache(maxsize=4096)
def parse_layout(header: bytes) -> Layout:
    """Parse a whole header, or the cards of its layout alone."""
    if any(header.startswith(b"END     ", i) for i in range(0, len(header) - CARD, CARD)):
        raise ValueError("it has a card END before its end")
    try:
        with warnings.catch_warnings():  # a warning for each damaged card would flood a log
            warnings.simplefilter("ignore")
            return _parse(header)
    except (KeyError, TypeError, IndexError, OSError, AttributeError, fits.VerifyError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _parse(raw: bytes) -> Layout:
    header = fits.Header.fromstring(raw.decode("ascii", "replace"))
    _check_repeated(header)
    kind = _kind(header)
    axes = _axes(header, kind)
    size = _size(header, kind, axes)
    name = str(header.get("EXTNAME", "")).strip().upper()
    if kind == "BINTABLE":
        return _table(header, raw, name, size, axes)
    if kind in ("SIMPLE", "IMAGE"):
        return Layout(name, size, tuple(axes[::-1]), dtype=_pixel_dtype(header))
    return Layout(name, size)


def _check_repeated(header: fits.Header) -> None:
    """Check that no card of the layout occurs twice with different values."""
    seen: dict[str, object] = {}
    for card in header.cards:
        keyword = card.keyword
        of_layout = keyword in LAYOUT_CARDS or keyword.startswith(COLUMN_CARDS)
        if of_layout and card.value != seen.setdefault(keyword, card.value):
            raise ValueError(f"{keyword} occurs twice, with different values")


def _kind(header: fits.Header) -> str:
    """Return SIMPLE for the first unit, else the kind of extension."""
    first = header.cards[0]
    if type(header.get("EXTEND", True)) is not bool:
        raise ValueError("EXTEND is not true or false")
    if first.keyword == "SIMPLE" and first.value is True and header.get("GROUPS") is not True:
        return "SIMPLE"
    if first.keyword == "XTENSION" and isinstance(first.value, str):
        return first.value.strip()
    raise ValueError(f"it begins with {first.keyword} = {first.value}")


def _axes(header: fits.Header, kind: str) -> list[int]:
    """Return the lengths of the axes; check the order of the mandatory cards."""
    axes = range(1, 1 + _count(header, "NAXIS", MOST_AXES))
    mandatory = ["BITPIX", "NAXIS", *(f"NAXIS{i}" for i in axes)]
    mandatory += [] if kind == "SIMPLE" else ["PCOUNT", "GCOUNT"]
    mandatory += ["TFIELDS"] if kind == "BINTABLE" else []
    found = [keyword for keyword in header if keyword in mandatory]
    if found[: len(mandatory)] != mandatory:
        raise ValueError(f"it must have {', '.join(mandatory)}, in this order")
    if axes and f"NAXIS{len(axes) + 1}" in header:  # LAMOST leaves such cards where NAXIS is 0
        raise ValueError(f"NAXIS is {len(axes)}, but there are more axes")
    return [_count(header, f"NAXIS{i}") for i in axes]


def _count(header: fits.Header, keyword: str, limit: int | None = None) -> int:
    value = header[keyword]
    if type(value) is not int or value < 0:
        raise ValueError(f"{keyword} is {value!r}, not a count")
    if limit is not None and value > limit:
        raise ValueError(f"{keyword} is {value}, more than {limit}")
    return value


def _size(header: fits.Header, kind: str, axes: list[int]) -> int:
    bits = header["BITPIX"]
    if type(bits) is not int or bits not in PIXEL_TYPES:
        raise ValueError(f"BITPIX is {bits!r}")
    extra = _count(header, "PCOUNT") if "PCOUNT" in header else 0
    groups = _count(header, "GCOUNT") if "GCOUNT" in header else 1
    if kind in ("SIMPLE", "IMAGE") and (extra, groups) != (0, 1):
        raise ValueError("an image has neither PCOUNT nor GCOUNT")
    if kind == "BINTABLE" and (bits, len(axes), groups) != (8, 2, 1):
        raise ValueError("a table has rows of bytes")
    elements = math.prod(axes) if axes else 0
    return abs(bits) // 8 * groups * (elements + extra)


def _scaled(header: fits.Header, scale: str, zero: str) -> bool:
    for keyword, plain in ((scale, 1), (zero, 0)):
        value = header.get(keyword, plain)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{keyword} is {value!r}, not a number")
        if value != plain:
            return True
    return False


def _pixel_dtype(header: fits.Header) -> np.dtype | None:
    """Return the dtype of an image's pixels, None where their bytes are not their values."""
    if _scaled(header, "BSCALE", "BZERO") or "BLANK" in header:
        return None
    return np.dtype(PIXEL_TYPES[header["BITPIX"]])


def _table(header: fits.Header, raw: bytes, name: str, size: int, axes: list[int]) -> Layout:
    fields = _count(header, "TFIELDS", MOST_COLUMNS)  # astropy allocates all of them
    columns = fits.BinTableHDU.fromstring(raw.ljust(padded(len(raw)))).columns
    names = [column.lower() for column in columns.names]
    if len(names) != fields or not all(names):
        raise ValueError("a column has no name")
    if len(set(names)) < len(names):
        raise ValueError("two columns have one name")
    width = columns.dtype.itemsize
    if width != axes[0]:
        raise ValueError(f"the columns are {width} bytes wide, a row {axes[0]}")
    if header.get("ZIMAGE"):
        compressed = range(_count(header, "ZNAXIS", MOST_AXES), 0, -1)
        return Layout(name, size, tuple(_count(header, f"ZNAXIS{i}") for i in compressed))
    return Layout(name, size, (axes[1],), frozenset(names), _plain_dtype(header, columns))


def _plain_dtype(header: fits.Header, columns: fits.ColDefs) -> np.dtype[np.void]:
    """Return the big-endian dtype of the columns without scaling, logicals, bits and heap."""
    stored = columns.dtype.newbyteorder(">")
    plain = [
        i
        for i, column in enumerate(columns)
        if not _scaled(header, f"TSCAL{i + 1}", f"TZERO{i + 1}")
        and not set("LXPQ") & set(str(column.format))
    ]
    return np.dtype(
        {
            "names": [columns.names[i].lower() for i in plain],
            "formats": [stored[i] for i in plain],
            "offsets": [stored.fields[columns.names[i]][1] for i in plain],
            "itemsize": stored.itemsize,
        }
    )


def padded(position: int) -> int:
    """Round a position up to the end of its block."""
    return -(-position // BLOCK) * BLOCK
