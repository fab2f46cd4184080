"""Arrow columns of spectra as matrices, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.ml.components import Floats


def rows_of(spectra: pa.ListArray) -> Floats:
    """Return an Arrow column of equally long lists as a matrix, without a copy where possible."""
    if spectra.null_count:
        raise ValueError("a spectrum is null: keep only rows that have one")
    values = spectra.flatten().to_numpy(zero_copy_only=False)
    if len(spectra) and values.size != len(spectra) * len(spectra[0]):
        raise ValueError("spectra of different lengths: all must be on one grid")
    matrix: Floats = values.reshape(len(spectra), -1) if len(spectra) else np.empty((0, 0))
    return matrix


def lists_of(matrix: npt.NDArray[Any]) -> pa.ListArray:
    """Return a matrix as an Arrow column of lists, one a row."""
    offsets = np.arange(0, matrix.size + 1, matrix.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, np.ascontiguousarray(matrix).ravel())
