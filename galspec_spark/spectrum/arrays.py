"""Arrow columns of spectra as matrices, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]  #: of any type
Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]


def rows_of(spectra: pa.ListArray) -> Floats:
    """Return an Arrow column of equally long lists as a matrix, without a copy where possible."""
    if spectra.null_count:
        raise ValueError("a spectrum is null: drop rows without a spectrum")
    return present_rows_of(spectra)


def present_rows_of(spectra: pa.ListArray) -> Floats:
    """Return the lists that are not null as a matrix, without a copy where possible."""
    lengths = pc.list_value_length(spectra).drop_null().unique()
    if len(lengths) > 1:
        raise ValueError("spectra of different lengths: all must be on one grid")
    if not len(lengths):
        return np.empty((0, 0))
    matrix: Floats = spectra.flatten().to_numpy(zero_copy_only=False)
    return matrix.reshape(-1, lengths[0].as_py())


def lists_of(matrix: Array) -> pa.ListArray:
    """Return a matrix as an Arrow column of lists, one for each row."""
    offsets = np.arange(0, matrix.size + 1, matrix.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(matrix).ravel())
