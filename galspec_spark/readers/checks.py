"""Checks that rows fit the schema, so that an error names the damaged file."""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from types import NoneType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.readers.fits import BadFile, Unit
from galspec_spark.readers.rows import Row
from galspec_spark.spectrum.arrays import Array
from galspec_spark.warehouse.schemas import SPECTRA


def _kind(field: pa.Field) -> type:
    if pa.types.is_floating(field.type):
        return float
    return int if pa.types.is_integer(field.type) else str


SCALARS = {f.name: _kind(f) for f in SPECTRA if not pa.types.is_list(f.type)}
SCALARS |= {"survey": str, "key": str}
ARRAYS = {"flux": np.float32, "ivar": np.float32, "and_mask": np.int32, "or_mask": np.int32}
INT_LIMITS = {f.name: 2 ** (f.type.bit_width - 1) for f in SPECTRA if pa.types.is_integer(f.type)}


def float_pixels(values: Array, name: str) -> npt.NDArray[np.float32]:
    """Return flux or ivar as float32; values beyond its range become infinite: quality flags them.

    Raises
    ------
    BadFile
        If the values are not floating-point numbers: a damaged header gives them another type.
    """
    if values.dtype.kind != "f":
        raise BadFile("malformed", f"{name} has type {values.dtype.name}, not a float type")
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def mask_pixels(values: Array, name: str) -> npt.NDArray[np.int32]:
    """Return a mask as int32.

    Raises
    ------
    BadFile
        If the values are not 32-bit integers.
    """
    if values.dtype.kind not in "iu":
        raise BadFile("malformed", f"{name} has type {values.dtype.name}, not an integer type")
    mask: npt.NDArray[np.int32] = values.astype(np.int32)
    if values.dtype != mask.dtype.newbyteorder(">") and (mask != values).any():
        raise BadFile("malformed", f"{name} has more than 32 bits")
    return mask


def check_columns(unit: Unit, name: str, needed: Set[str]) -> None:
    """Check that a table has all columns that its reader needs.

    Raises
    ------
    BadFile
        If a column is missing.
    """
    if missing := needed - unit.layout.columns:
        raise BadFile("malformed", f"{name} has no column {min(missing).upper()}")


def check_row(row: Row) -> None:
    """Check the type of every value, and that all arrays have one length.

    Raises
    ------
    BadFile
        If a value does not fit: damaged headers turn numbers into text, or a spectrum into many.
    """
    _check_types(tuple(row), tuple(map(type, row.values())))
    shape = row["flux"].shape
    for name, dtype in ARRAYS.items():
        array = row.get(name)
        if array is not None and (array.dtype != dtype or array.shape != shape or array.ndim != 1):
            raise BadFile("malformed", f"{name} is not an array of one number for each pixel")
    for name, limit in INT_LIMITS.items():
        value = row.get(name)
        if value is not None and not -limit <= value < limit:
            raise BadFile("malformed", f"{name} is out of range: {value}")


def from_0_to_360(ra: float | None) -> float | None:
    """Return a right ascension counted from 0, where it is counted from -180 or is 360 degrees."""
    if ra is None or not -180 <= ra <= 360:  # a placeholder is nowhere
        return ra
    return ra % 360 % 360  # -1e-20 % 360 is 360


@lru_cache(maxsize=1024)
def _check_types(names: tuple[str, ...], types: tuple[type, ...]) -> None:
    """Check the types of a row's values; rows of one survey share them, except for nulls."""
    for name, found in zip(names, types, strict=True):
        expected = np.ndarray if name in ARRAYS else SCALARS[name]
        if found not in (expected, NoneType):
            message = f"{name} is of type {found.__name__}, not {expected.__name__}"
            raise BadFile("malformed", message)
