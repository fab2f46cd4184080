"""Checks that what a reader gives fits the schema, so that a damaged file is known by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.readers.fits import BadFile
from galspec_spark.schemas import SPECTRA


def _kind(field: pa.Field) -> type:
    if pa.types.is_floating(field.type):
        return float
    return int if pa.types.is_integer(field.type) else str


SCALARS = {f.name: _kind(f) for f in SPECTRA if not pa.types.is_list(f.type)}
SCALARS |= {"survey": str, "key": str}
ARRAYS = {"flux": np.float32, "ivar": np.float32, "and_mask": np.int32, "or_mask": np.int32}
INT_LIMITS = {f.name: 2 ** (f.type.bit_width - 1) for f in SPECTRA if pa.types.is_integer(f.type)}


def float_pixels(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """Return flux or ivar as float32; what is too large for it is infinite, as quality tells.

    Raises
    ------
    BadFile
        If the values are not floating-point numbers: a damaged header reads bits as others.
    """
    if values.dtype.kind != "f":
        raise BadFile("malformed", f"{name} is of {values.dtype.name}, not of floats")
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def mask_pixels(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.int32]:
    """Return a mask as int32.

    Raises
    ------
    BadFile
        If the values are not whole numbers of 32 bits.
    """
    if values.dtype.kind not in "iu":
        raise BadFile("malformed", f"{name} is of {values.dtype.name}, not of whole numbers")
    mask: npt.NDArray[np.int32] = values.astype(np.int32)
    if values.dtype != mask.dtype.newbyteorder(">") and (mask != values).any():
        raise BadFile("malformed", f"{name} has more than 32 bits")
    return mask


def check_row(row: dict[str, Any]) -> None:
    """Check the type of every value, and that all arrays have one length.

    Raises
    ------
    BadFile
        If one does not fit: damaged headers turn numbers into text, or one spectrum into many.
    """
    shape = row["flux"].shape
    for name, value in row.items():
        if value is None:
            continue
        if name in ARRAYS:
            if value.dtype != ARRAYS[name] or value.shape != shape or value.ndim != 1:
                raise BadFile("malformed", f"{name} is not an array of one number for each pixel")
        elif type(value) is not SCALARS[name]:
            expected, found = SCALARS[name].__name__, type(value).__name__
            raise BadFile("malformed", f"{name} is of type {found}, not {expected}")
        elif type(value) is int and not -INT_LIMITS[name] <= value < INT_LIMITS[name]:
            raise BadFile("malformed", f"{name} is out of range: {value}")
