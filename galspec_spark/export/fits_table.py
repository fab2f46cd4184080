"""The catalogue as a FITS binary table, streamed: astropy writes the header, we the records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from astropy.io import fits

from galspec_spark.export.fixed_width import NULL_INTEGER, record_dtype, records
from galspec_spark.export.sorted_rows import SortedRows
from galspec_spark.warehouse.columns import Column
from galspec_spark.warehouse.flags import FLAGS

BLOCK = 2880  #: bytes; a FITS file is a whole number of blocks
FORMATS = {
    pa.int16(): "I",
    pa.int32(): "J",
    pa.int64(): "K",
    pa.float32(): "E",
    pa.float64(): "D",
}


def write_fits(rows: SortedRows, place: Path, provenance: dict[str, str]) -> None:
    """Write the rows as the table of a FITS file's first extension.

    TCOMMn and TUCDn have descriptions and UCDs, as TOPCAT reads them; HISTORY has provenance.

    Raises
    ------
    UserError
        If a text column is not ASCII.
    """
    dtype = record_dtype(rows)
    with place.open("wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode())
        file.write(_header(rows, dtype, provenance).tostring().encode())
        for batch in rows.batches():
            file.write(records(batch, dtype).tobytes())
        file.write(bytes(-rows.count * dtype.itemsize % BLOCK))


def _header(rows: SortedRows, dtype: np.dtype[np.void], provenance: dict[str, str]) -> fits.Header:
    described = rows.columns.described
    columns = [_column(field, described[field.name], dtype) for field in rows.columns.schema]
    table = fits.BinTableHDU.from_columns(columns, nrows=0, name="CATALOG")
    header = table.header
    header["NAXIS2"] = rows.count
    header["RADESYS"] = ("ICRS", "of ra and dec")
    for name, (bit, meaning) in FLAGS.items():
        header[f"FLAG{bit}"] = f"{name}: {meaning}"
    for number, column in enumerate(described.values(), 1):
        header.set(f"TCOMM{number}", column.description, after=f"TFORM{number}")
        header.set(f"TUCD{number}", column.ucd, after=f"TCOMM{number}")
    for key, value in provenance.items():
        header["HISTORY"] = f"{key} = {value}".encode("ascii", "backslashreplace").decode()
    return header


def _column(field: pa.Field, column: Column, dtype: np.dtype[np.void]) -> fits.Column:
    if pa.types.is_string(field.type):
        form = f"{dtype[field.name].itemsize}A"
    elif pa.types.is_list(field.type):
        form = f"{dtype[field.name].shape[0]}E"
    else:
        form = FORMATS[field.type]
    has_null = pa.types.is_integer(field.type) and field.nullable
    return fits.Column(
        field.name,
        form,
        unit=column.unit,
        null=NULL_INTEGER if has_null else None,
    )
