"""What the decoders of all surveys share."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits

Row = dict[str, Any]
Beside = Mapping[str, bytes]


class Refused(Exception):
    """The file contradicts its data model or the FITS standard, though astropy gives values."""


def open_fits(content: bytes) -> fits.HDUList:
    whole = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    # astropy shows no unit from one on whose checksum is unreadable; we do not check sums either.
    whole = re.sub(rb"(CHECK|DATA)SUM ?= ", b"COMMENT   ", whole)
    return fits.open(io.BytesIO(whole), memmap=False)


def text(value: Any) -> str:
    """Return a string: by the standard it ends at a NUL."""
    if not isinstance(value, str):
        raise Refused(f"not text: {value!r}")
    return value.split("\0")[0].strip()


def column_of(table: fits.BinTableHDU, name: str, kinds: str) -> Any:
    """Return a column, of the kinds of numbers that its data model says."""
    widths = sum(column.dtype.itemsize for column in table.columns)
    if widths != table.header["NAXIS1"]:
        raise Refused("the columns are not as wide as a row")
    column = table.data[name]
    values = np.asarray(column)
    if values.dtype == object:  # cells of variable length
        values = np.concatenate(list(column))
    if values.dtype.kind not in kinds:
        raise Refused(f"{name} is of kind {values.dtype}")
    return column


def names_of(hdu: Any) -> list[str]:
    """Return the names of a table's columns; none of another unit."""
    return [name.upper() for name in hdu.columns.names] if hasattr(hdu, "columns") else []


def pixels_of(hdu: Any, kinds: str) -> np.ndarray:
    data = np.asarray(hdu.data)
    if data.dtype.kind not in kinds:
        raise Refused(f"pixels are of kind {data.dtype}")
    return data


def card_of(header: fits.Header, name: str) -> Any:
    """Return a card's value, None where it is missing or cannot be read."""
    try:
        value = header.get(name)
    except (fits.VerifyError, ValueError):
        return None
    has_value = name in header and header.cards[name].image[8:10] == "= "
    if not has_value or isinstance(value, fits.card.Undefined):
        return None
    return value.strip() if isinstance(value, str) else value
