"""Rows that readers return, as Arrow tables in the warehouse's schema."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from galspec_spark.schemas import SPECTRA

#: Bits of ``quality``: what makes a spectrum useless or suspicious whatever the science.
NO_INFORMATION = 1  # no pixel has a positive ivar and a finite flux
NOT_FINITE = 2  # a pixel with a positive ivar has a flux that is not a finite number


def spectra_table(rows: list[dict[str, Any]], constants: dict[str, str]) -> pa.Table:
    """Assemble rows into a table of the ``spectra`` schema.

    Parameters
    ----------
    rows
        As `galspec_spark.readers.read_spectra` gives them, with ``spectrum_id`` and ``file`` added.
    constants
        Columns with one value for all rows: the provenance.
    """
    for row in rows:
        row["pixels"] = len(row["flux"])
        row["quality"] = _quality(row["flux"], row["ivar"])
    columns = [_column(field, rows, constants) for field in SPECTRA]
    return pa.Table.from_arrays(columns, schema=SPECTRA)


def _quality(flux: np.ndarray[Any, Any], ivar: np.ndarray[Any, Any]) -> int:
    with np.errstate(invalid="ignore"):
        informative = ivar > 0
    finite = np.isfinite(flux) & np.isfinite(ivar)
    quality = 0 if (informative & finite).any() else NO_INFORMATION
    return quality | (NOT_FINITE if (informative & ~finite).any() else 0)


def _column(field: pa.Field, rows: list[dict[str, Any]], constants: dict[str, str]) -> pa.Array:
    if field.name in constants:
        return pa.repeat(pa.scalar(constants[field.name], field.type), len(rows))
    if not pa.types.is_list(field.type):
        values = [row.get(field.name) for row in rows]
        return pa.array(values, field.type, from_pandas=True)
    arrays = [row[field.name] for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays])]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, np.concatenate(arrays), type=field.type)
