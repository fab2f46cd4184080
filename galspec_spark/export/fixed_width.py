"""Rows as records of fixed width, as FITS and VOTable store them: big-endian, with fill values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from galspec_spark.errors import UserError
from galspec_spark.export.sorted_rows import SortedRows

#: Fill value of missing integers; no column has it as a value.
NULL_INTEGER = -1


def record_dtype(rows: SortedRows) -> np.dtype[np.void]:
    """Return the dtype of one record: text as ASCII bytes, features as a vector.

    Raises
    ------
    UserError
        If a text column is not ASCII.
    """
    if rows.not_ascii:
        raise UserError(
            f"column {rows.not_ascii[0]} has text that is not ASCII, which FITS and VOTable tables "
            "cannot hold: export hats or csv"
        )
    return np.dtype([(field.name, *_cell(field, rows)) for field in rows.columns.schema])


def _cell(field: pa.Field, rows: SortedRows) -> tuple[object, ...]:
    if pa.types.is_string(field.type):
        return (f"S{rows.text_bytes[field.name]}",)
    if pa.types.is_list(field.type):
        return (">f4", (rows.n_features,))
    return (np.dtype(field.type.to_pandas_dtype()).newbyteorder(">"),)


def records(batch: pa.RecordBatch, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return a batch as records; NaN, `NULL_INTEGER` and empty text fill missing cells."""
    out = np.zeros(batch.num_rows, dtype)
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_string(field.type):
            out[field.name] = column.fill_null("").to_numpy(zero_copy_only=False)
        elif pa.types.is_list(field.type):
            out[field.name] = vectors(column, dtype[field.name].shape[0])
        elif pa.types.is_integer(field.type):
            out[field.name] = column.fill_null(NULL_INTEGER).to_numpy()
        else:
            out[field.name] = column.to_numpy(zero_copy_only=False)
    return out


def vectors(column: pa.ListArray, length: int) -> NDArray[np.float32]:
    """Return lists as the rows of an array, padded with NaN to `length`."""
    sizes = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    out = np.full((len(column), length), np.nan, np.float32)
    out[np.arange(length) < sizes[:, None]] = column.flatten().to_numpy(zero_copy_only=False)
    return out
