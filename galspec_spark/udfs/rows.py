"""Structs of columns of the table ``spectra``, as Spark hands them to a pandas UDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column

from galspec_spark.errors import UserError
from galspec_spark.warehouse.schemas import SPECTRA

#: A function of columns.
Function = Callable[..., Column]


def table_of(rows: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    """Return columns of ``spectra``, and ``survey``, from the pandas frame of a struct."""
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise UserError(f"the struct has no field {missing[0]!r}: it needs {', '.join(columns)}")
    types = {
        name: pa.string() if name == "survey" else SPECTRA.field(name).type for name in columns
    }
    return pa.table(
        {name: pa.array(rows[name], kind, from_pandas=True) for name, kind in types.items()}
    )


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a table as Spark takes it: an integer that is null is NaN."""
    frame: pd.DataFrame = table.to_pandas()
    return frame
