"""Content of a stage of a saved Spark pipeline: JSON and Parquet, read without Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galspec_spark.spectrum.arrays import Doubles

#: How Spark marks a vector or matrix that is not sparse.
DENSE = 1


def metadata_of(stage: Path) -> dict[str, Any]:
    """Return a stage's class, parameters and versions."""
    (file,) = (stage / "metadata").glob("part-*")
    metadata: dict[str, Any] = json.loads(file.read_text())
    return metadata


def table_of(folder: Path) -> pa.Table:
    """Return the rows of a folder of Parquet files, whatever the folders above it are called."""
    return pq.read_table(folder, partitioning=None)


def row_of(stage: Path) -> dict[str, Any]:
    """Return the data of a stage that has a single row."""
    row: dict[str, Any]
    (row,) = table_of(stage / "data").to_pylist()
    return row


def vector_of(saved: Mapping[str, Any]) -> Doubles:
    """Return a Spark vector, which Spark saves sparse if that is shorter."""
    if saved["type"] == DENSE:
        return np.array(saved["values"])
    vector = np.zeros(saved["size"])
    vector[saved["indices"]] = saved["values"]
    return vector


def matrix_of(saved: Mapping[str, Any]) -> Doubles:
    """Return a Spark matrix, saved by columns, or by rows if transposed."""
    shape, by_rows = (saved["numRows"], saved["numCols"]), saved["isTransposed"]
    if saved["type"] == DENSE:
        return np.reshape(saved["values"], shape, order="C" if by_rows else "F")
    # The names suit a matrix saved by columns.
    within, ends = saved["rowIndices"], saved["colPtrs"]
    line = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    matrix = np.zeros(shape)
    matrix[(line, within) if by_rows else (within, line)] = saved["values"]
    return matrix
