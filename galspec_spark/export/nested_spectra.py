"""Spectra as a nested column beside the rows of the catalogue, as LSDB and nested-pandas have them.

Tasks read the pixels from the table ``restframe`` by their places there; no pixel passes Java.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.catalog.read import ID, PLACE
from galspec_spark.errors import UserError
from galspec_spark.spectrum.arrays import Floats, present_rows_of
from galspec_spark.spectrum.grid import PIXELS, wavelength
from galspec_spark.warehouse.columns import column
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location

_LIST = pa.list_(pa.float32())
#: Lists of equal length: vacuum wavelengths at rest, in Angstrom, and the pixels of ``restframe``,
#: all of the grid, 0 in gaps. Null for a spectrum without a usable pixel.
SPECTRUM = column(
    "spectrum",
    pa.struct([("wavelength", _LIST), ("flux", _LIST), ("ivar", _LIST)]),
    "At rest: wavelength (Angstrom), normalised flux, ivar; 0 in gaps",
    "phot.flux.density;em.wl",
)
BATCH_ROWS = 250

Rows = npt.NDArray[np.int64]


def with_spectra(rows: pa.Table) -> pa.Table:
    """Add the column `SPECTRUM` to rows that have the columns `PLACE`.

    Raises
    ------
    UserError
        If a part of ``restframe`` cannot be read, or has other spectra.
    """
    names, parts = rows[ID].to_numpy(), rows[PLACE.names[0]].to_numpy()
    numbers = rows[PLACE.names[1]].to_numpy()
    flux, ivar = (np.zeros((len(rows), PIXELS), np.float32) for _ in range(2))
    has_pixels = np.zeros(len(rows), np.bool_)
    for part in np.unique(parts.astype(str)).tolist():
        (wanted,) = np.nonzero(parts == part)
        for found, stored in _stored(Location(part), numbers[wanted]):
            here = wanted[found]
            if not np.array_equal(stored[ID].to_numpy(zero_copy_only=False), names[here]):
                raise UserError(
                    f"{part} has other spectra than the table catalog: galspec verify tells the "
                    "remedy"
                )
            present = stored["flux"].is_valid().to_numpy(zero_copy_only=False)
            has_pixels[here] = present
            for values, name in ((flux, "flux"), (ivar, "ivar")):
                if present.any():
                    values[here[present]] = present_rows_of(stored[name])
    return rows.append_column(SPECTRUM, _nested(flux[has_pixels], ivar[has_pixels], has_pixels))


def _stored(part: Location, rows: Rows) -> Iterator[tuple[Rows, pa.RecordBatch]]:
    """Read rows of a part, from the row groups that have some; yield them with their indices."""
    file = open_part(part)
    first = 0
    for group in range(file.num_row_groups):
        end = first + file.metadata.row_group(group).num_rows
        if ((rows >= first) & (rows < end)).any():
            # Other tasks keep the other cores busy.
            for batch in file.iter_batches(
                BATCH_ROWS, [group], [ID, "flux", "ivar"], use_threads=False
            ):
                (found,) = np.nonzero((rows >= first) & (rows < first + batch.num_rows))
                yield found, batch.take(pa.array(rows[found] - first))
                first += batch.num_rows
        first = end


def _nested(flux: Floats, ivar: Floats, has_pixels: npt.NDArray[np.bool_]) -> pa.StructArray:
    """Return structures of lists where there are pixels, nulls elsewhere."""
    offsets = np.zeros(len(has_pixels) + 1, np.int32)
    np.cumsum(has_pixels * PIXELS, out=offsets[1:])
    grid = np.tile(wavelength().astype(np.float32), len(flux))
    lists = [
        pa.ListArray.from_arrays(offsets, values) for values in (grid, flux.ravel(), ivar.ravel())
    ]
    return pa.StructArray.from_arrays(lists, fields=list(SPECTRUM.type), mask=pa.array(~has_pixels))
