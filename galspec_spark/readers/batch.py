"""Rows that readers return, as Arrow tables in the warehouse's schema."""

from __future__ import annotations

import hpgeom
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.readers.rows import Row
from galspec_spark.spectrum.arrays import Array
from galspec_spark.warehouse.schemas import SPECTRA

#: Bits of ``quality``: defects that make a spectrum useless or suspicious for any science.
NO_INFORMATION = 1  # no pixel has a positive ivar and a finite flux
NOT_FINITE = 2  # a pixel with a positive ivar has a flux that is not a finite number

HEALPIX_ORDER = 29


def in_sky_order(rows: list[Row]) -> list[Row]:
    """Add ``healpix29`` (nested, order 29; null without a position) and sort by it."""
    positions = np.array([(row.get("ra"), row.get("dec")) for row in rows], np.float64)
    for row, pixel in zip(rows, healpix29(*positions.T).to_pylist(), strict=True):
        if pixel is not None:
            row["healpix29"] = pixel
    return sorted(rows, key=lambda row: (row.get("healpix29", 2**63), row["spectrum_id"]))


def healpix29(ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> pa.Array:
    """Return the nested HEALPix pixels of order 29 of positions in degrees; null off the sky."""
    on_sky = _on_the_sky(ra, dec)
    pixel = np.zeros(len(ra), np.int64)
    pixel[on_sky] = hpgeom.angle_to_pixel(2**HEALPIX_ORDER, ra[on_sky], dec[on_sky])
    return pa.array(pixel, mask=~on_sky)


def _on_the_sky(ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return (ra >= 0) & (ra <= 360) & (dec >= -90) & (dec <= 90)


def spectra_table(
    rows: list[Row], constants: dict[str, str], schema: pa.Schema = SPECTRA
) -> pa.Table:
    """Assemble rows into a table of the ``spectra`` schema; numbers that are not finite are null.

    Parameters
    ----------
    rows
        From `galspec_spark.readers.read_spectra`, with ``spectrum_id`` and ``file`` added.
    constants
        Columns with one value for all rows: the provenance.
    schema
        Columns to assemble: of ``spectra``, or others that the rows have.
    """
    for row in rows:
        row["pixels"] = len(row["flux"])
        row["quality"] = _quality(row["flux"], row["ivar"])
    columns = [_column(field, rows, constants) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _quality(flux: Array, ivar: Array) -> int:
    with np.errstate(invalid="ignore"):
        informative = ivar > 0
    finite = np.isfinite(flux) & np.isfinite(ivar)
    quality = 0 if (informative & finite).any() else NO_INFORMATION
    return quality | (NOT_FINITE if (informative & ~finite).any() else 0)


def _column(field: pa.Field, rows: list[Row], constants: dict[str, str]) -> pa.Array:
    if field.name in constants:
        return pa.repeat(pa.scalar(constants[field.name], field.type), len(rows))
    values = [row.get(field.name) for row in rows]
    if pa.types.is_floating(field.type):  # of the type stored: a float32 may be infinite
        array = pa.array(values, field.type)
        return pc.if_else(pc.is_finite(array), array, pa.scalar(None, field.type))
    if not pa.types.is_list(field.type):
        return pa.array(values, field.type)
    lengths = [0 if array is None else len(array) for array in values]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    arrays = [array for array in values if array is not None]
    flat = np.concatenate(arrays) if arrays else np.empty(0, np.int32)
    missing = pa.array([array is None for array in values])
    return pa.ListArray.from_arrays(offsets, flat, type=field.type, mask=missing)
