"""From parts of ``spectra`` to parts of ``restframe``: each spectrum is moved once.

A part of ``restframe`` is a pure function of its part of ``spectra`` and of the recipe. It has the
same rows in the same order, and the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.spectrum.normalise import normalise
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import coverage, has_redshift, to_rest_frame
from galspec_spark.warehouse.parts import Part, open_part, part_writer
from galspec_spark.warehouse.schemas import CATALOGUE, RESTFRAME
from galspec_spark.warehouse.storage import Location

PIXEL_COLUMNS = ("flux", "ivar", "and_mask", "loglam0", "z")
#: Columns of ``spectra`` that have another name in ``restframe``.
RENAMED = {"survey_object_id": "object_id"}
#: Columns that come from the pixels.
MEASURED = ("coverage", "has_scale")
KEPT = tuple(field.name for field in CATALOGUE if field.name not in MEASURED)
STORED = tuple(RENAMED.get(name, name) for name in KEPT)
#: Spectra moved at once: a processor's cache holds several of their arrays, of 1.4 MB each.
BATCH = 128


@dataclass(frozen=True)
class Move:
    """The task that moves one part.

    Parameters
    ----------
    normalisation
        See `galspec_spark.spectrum.normalise.normalise`.
    provenance
        Columns that every row carries.
    """

    normalisation: str
    staging: Location
    provenance: dict[str, str]

    def __call__(self, work: tuple[Location, str, int]) -> tuple[str, str]:
        """Move a part of ``spectra``.

        Parameters
        ----------
        work
            The part; the place of its part of ``restframe``, relative to the warehouse; and the
            bits of AND_MASK that make a pixel bad.

        Returns
        -------
        staged, place
            The path of the new part, and its place in the warehouse.
        """
        source, place, reject = work
        file = open_part(source)
        staged = self.staging / os.urandom(4).hex() / place
        with part_writer(staged, RESTFRAME) as writer:
            for group in range(file.num_row_groups):
                batches = list(self._moved(file, group, reject))
                writer.write_table(pa.Table.from_batches(batches, RESTFRAME))
        return staged.path, place

    def _moved(self, file: Part, group: int, reject: int) -> Iterator[pa.RecordBatch]:
        columns = list({*STORED, *PIXEL_COLUMNS})
        # Other tasks keep the other cores busy.
        for batch in file.iter_batches(BATCH, [group], columns, use_threads=False):
            yield move_rows(batch, reject, self.normalisation, self.provenance)


def move_rows(
    batch: pa.RecordBatch, reject: int, normalisation: str, provenance: Mapping[str, str | None]
) -> pa.RecordBatch:
    """Move rows of ``spectra`` to the rest frame; return rows of ``restframe``.

    Parameters
    ----------
    batch
        The columns `STORED` and `PIXEL_COLUMNS`.
    reject
        Bits of AND_MASK that make a pixel bad.
    normalisation, provenance
        See `Move`.
    """
    z = batch["z"].to_numpy(zero_copy_only=False)
    can_move = has_redshift(z)
    observed = ObservedBatch.from_arrow(batch).take(np.flatnonzero(can_move))
    frame = to_rest_frame(observed, reject)
    flux, ivar, has_scale = normalise(normalisation, *frame)
    covered = coverage(frame.good)
    has_pixels = has_scale & (covered > 0)
    is_stored = np.zeros(len(z), np.bool_)
    is_stored[can_move] = has_pixels
    values = {
        **{name: batch[RENAMED.get(name, name)] for name in KEPT},
        "coverage": _spread(covered, can_move),
        "has_scale": _spread(has_scale, can_move),
        "flux": _lists(flux[has_pixels], is_stored),
        "ivar": _lists(ivar[has_pixels], is_stored),
        **{name: pa.repeat(value, len(z)) for name, value in provenance.items()},
    }
    columns = [values[field.name].cast(field.type) for field in RESTFRAME]
    return pa.RecordBatch.from_arrays(columns, schema=RESTFRAME)


def _spread(values: npt.NDArray[np.generic], where: npt.NDArray[np.bool_]) -> pa.Array:
    """Put values where the condition holds, nulls elsewhere."""
    spread = np.zeros(len(where), values.dtype)
    spread[where] = values
    return pa.array(spread, mask=~where)


def _lists(array: npt.NDArray[np.float32], where: npt.NDArray[np.bool_]) -> pa.ListArray:
    """Put the rows of an array where the condition holds, nulls elsewhere."""
    offsets = np.zeros(len(where) + 1, np.int32)
    np.cumsum(where * array.shape[1], out=offsets[1:])
    return pa.ListArray.from_arrays(offsets, array.reshape(-1), mask=pa.array(~where))
