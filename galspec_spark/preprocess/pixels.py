"""Three passes over the pixels of ``spectra``: measure, sum, write.

The first pass leaves a file of narrow rows for each slice. What is then decided about them is again
a file for each slice, with which the tasks of the other passes begin.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Row, SparkSession

from galspec_spark.config import PreprocessConfig
from galspec_spark.preprocess.slices import (
    PIXEL_COLUMNS,
    pixels_of,
    read_batches,
    row_groups_of_slice,
    run_tasks,
)
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.spectrum.masks import PIXEL_MASK_BITS, bit_mask
from galspec_spark.spectrum.normalise import normalise
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import coverage, fill_gaps, to_rest_frame
from galspec_spark.warehouse.parts import PART, ROW, open_part, part_writer, partition_values
from galspec_spark.warehouse.schemas import RESTFRAME, SPECTRA
from galspec_spark.warehouse.storage import Location

#: Column with the number of the slice that a row is of.
SLICE = "slice"

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


class Moved(NamedTuple):
    """Spectra at rest: arrays of shape (spectra, PIXELS), but for ``has_scale``."""

    flux: FloatArray  #: 0 where not good
    ivar: FloatArray
    good: BoolArray
    has_scale: BoolArray


def measure(
    spark: SparkSession,
    parts: Sequence[Location],
    slices: int,
    columns: Sequence[str],
    config: PreprocessConfig,
    staging: Location,
) -> list[Location]:
    """Measure the coverage of each spectrum, and whether it can be normalised.

    Parameters
    ----------
    parts
        Of ``spectra``, at least one.
    slices
        Into how many they are cut in all, from `slice_count`.
    columns
        To keep of ``spectra``, partition columns among them.
    staging
        Folder for the results.

    Returns
    -------
    list of Location
        Files of rows: the columns; ``part``, ``row`` and ``slice``, where the pixels are;
        ``coverage`` and ``has_scale``, null outside the redshifts of the configuration.
    """
    schema = pa.schema(
        [
            *(SPECTRA.field(name) for name in columns if name in SPECTRA.names),
            *(pa.field(name, pa.string()) for name in columns if name not in SPECTRA.names),
            pa.field(PART, pa.string()),
            pa.field(ROW, pa.int64()),
            pa.field(SLICE, pa.int32()),
            pa.field("coverage", pa.float32()),
            pa.field("has_scale", pa.bool_()),
        ]
    )
    task = _Measure(parts, slices // len(parts), schema, config, staging)
    return sorted(Location(row.path) for row in run_tasks(spark, slices, task, "path string"))


def sums(
    spark: SparkSession,
    decided: Sequence[Location],
    members: pc.Expression,
    config: PreprocessConfig,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the sum of the good pixels' normalised flux and their number, shape (PIXELS,).

    Parameters
    ----------
    decided
        A file for each slice with the rows of `measure` and what is decided about them.
    members
        Which of the rows take part.
    """
    task = partial(_sum_slice, decided=decided, members=members, config=config)
    results = run_tasks(spark, len(decided), task, "slice long, sums binary")
    # 42 kB for each slice, added in one order
    arrays = [np.frombuffer(row.sums).reshape(2, PIXELS) for row in sorted(results)]
    total = np.sum(arrays, axis=0)
    return total[0], total[1]


def write(
    spark: SparkSession,
    decided: Sequence[Location],
    mean: FloatArray,
    config: PreprocessConfig,
    staging: Location,
    provenance: dict[str, str],
) -> list[Row]:
    """Write the ``restframe`` table, a part for each slice; return (staged, place) of each."""
    task = _Write(decided, mean, config, staging, provenance)
    return run_tasks(spark, len(decided), task, "staged string, place string")


@dataclass(frozen=True)
class _Measure:
    """The task of the first pass."""

    parts: Sequence[Location]
    slices: int  #: of a part
    schema: pa.Schema
    config: PreprocessConfig
    staging: Location

    def __call__(self, number: int) -> dict[str, Any]:
        part = self.parts[number // self.slices]
        constants = {**partition_values(part), PART: part.path, SLICE: number}
        file = open_part(part)
        place = self.staging / f"{os.urandom(8).hex()}.parquet"
        with part_writer(place, self.schema) as writer:
            for group in row_groups_of_slice(number, self.slices, file):
                batches = read_batches(file, group, {*self.schema.names, *PIXEL_COLUMNS})
                rows = [self._rows(first, batch, constants) for first, batch in batches]
                writer.write_table(pa.Table.from_batches(rows))
        return {"path": place.path}

    def _rows(self, first: int, batch: pa.RecordBatch, constants: dict[str, Any]) -> pa.RecordBatch:
        z = batch["z"].to_numpy(zero_copy_only=False)
        near = (z >= self.config.z_min) & (z <= self.config.z_max)
        moved = _move(ObservedBatch.from_arrow(batch).take(np.flatnonzero(near)), self.config)
        values = {
            **dict(zip(batch.schema.names, batch.columns, strict=True)),
            **{name: pa.repeat(value, len(z)) for name, value in constants.items()},
            ROW: pa.array(np.arange(first, first + len(z))),
            "coverage": _spread(coverage(moved.good), near),
            "has_scale": _spread(moved.has_scale, near),
        }
        columns = [values[field.name].cast(field.type) for field in self.schema]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _sum_slice(
    number: int, decided: Sequence[Location], members: pc.Expression, config: PreprocessConfig
) -> dict[str, Any]:
    """Run the second pass over a slice."""
    rows = open_part(decided[number]).read()
    total = np.zeros((2, PIXELS))
    for _, observed in chain.from_iterable(pixels_of(rows.filter(members))):
        moved = _move(observed, config)
        total[0] += moved.flux.sum(axis=0, dtype=np.float64)
        total[1] += moved.good.sum(axis=0)
    return {"slice": rows[SLICE][0].as_py(), "sums": total.tobytes()}


@dataclass(frozen=True)
class _Write:
    """The task of the third pass."""

    decided: Sequence[Location]
    mean: FloatArray
    config: PreprocessConfig
    staging: Location
    provenance: dict[str, str]

    def __call__(self, number: int) -> dict[str, Any]:
        rows = open_part(self.decided[number]).read()
        survey, release, of_slice, path = (
            rows[name][0].as_py() for name in ("survey", "release", SLICE, PART)
        )
        # The part of spectra comes after the second "-": verify compares it with those there are.
        part = f"{self.provenance['run_id']}.{of_slice}-{Location(path).name}"
        place = f"restframe/survey={survey}/release={release}/{part}"
        staged = self.staging / os.urandom(4).hex() / place
        with part_writer(staged, RESTFRAME) as writer:
            for row_group in pixels_of(rows):
                writer.write_table(pa.concat_tables(self._table(*batch) for batch in row_group))
        return {"staged": staged.path, "place": place}

    def _table(self, here: pa.Table, observed: ObservedBatch) -> pa.Table:
        used = here["reason"].is_null().to_numpy()
        moved = _move(observed.take(np.flatnonzero(used)), self.config)
        values = {
            "flux": _lists(fill_gaps(moved.flux, moved.good, self.mean), used),
            "ivar": _lists(moved.ivar, used),
            **{name: pa.repeat(value, here.num_rows) for name, value in self.provenance.items()},
        }
        columns = [values[name] if name in values else here[name] for name in RESTFRAME.names]
        return pa.Table.from_arrays(columns, schema=RESTFRAME)


def _move(observed: ObservedBatch, config: PreprocessConfig) -> Moved:
    frame = to_rest_frame(observed, bit_mask(config.pixel_mask_reject, PIXEL_MASK_BITS))
    flux, ivar, has_scale = normalise(config.normalise, *frame)
    return Moved(flux, ivar, frame.good, has_scale)


def _spread(values: Array, where: BoolArray) -> pa.Array:
    """Put values where the condition holds, nulls elsewhere."""
    spread = np.zeros(len(where), values.dtype)
    spread[where] = values
    return pa.array(spread, mask=~where)


def _lists(array: FloatArray, where: BoolArray) -> pa.ListArray:
    """Put the rows of an array where the condition holds, nulls elsewhere."""
    offsets = np.zeros(len(where) + 1, np.int32)
    np.cumsum(where * array.shape[1], out=offsets[1:])
    return pa.ListArray.from_arrays(offsets, array.reshape(-1), mask=pa.array(~where))
