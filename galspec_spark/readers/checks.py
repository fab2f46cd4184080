"""Checks that what a reader gives fits the schema, so that a damaged file is known by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
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
