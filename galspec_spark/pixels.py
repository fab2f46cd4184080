"""Passes over the pixels of ``spectra``: tasks that read Parquet and give back little.

Spark brings the narrow rows of one part together; the task opens that part with pyarrow and works
on its row groups, so no pixel passes the JVM and memory is bounded by a row group.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Row
from pyspark.sql.types import BooleanType, FloatType, StructType

from galspec_spark.config import PreprocessConfig
from galspec_spark.parts import open_part, part_writer
from galspec_spark.schemas import RESTFRAME
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.spectrum.masks import PIXEL_MASK_BITS, bit_mask
from galspec_spark.spectrum.normalise import normalise
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.restframe import coverage, fill_gaps, to_rest_frame
from galspec_spark.storage import Location
from galspec_spark.tables import Warehouse

PIXEL_COLUMNS = ["flux", "ivar", "and_mask", "loglam0", "z"]
#: Spectra moved at once: arrays of some 10 MB each.
BATCH = 500
#: Shuffle partitions per part, so that two parts seldom share a task.
PARTITIONS_PER_PART = 4

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Work:
    """What a task needs to know."""

    parts: int  #: of the table
    reject: int  #: bits of AND_MASK
    method: str  #: of normalisation

    @classmethod
    def of(cls, warehouse: Warehouse, config: PreprocessConfig) -> Work:
        """Collect it from the warehouse and the configuration."""
        reject = bit_mask(config.pixel_mask_reject, PIXEL_MASK_BITS)
        parts = len(warehouse.parts("spectra"))
        return cls(parts, reject, config.normalise)


@dataclass(frozen=True)
class Moved:
    """A batch at rest: arrays of shape (spectra, PIXELS), but for ``has_scale``."""

    rows: pa.Table  #: the narrow rows of the batch
    flux: FloatArray
    ivar: FloatArray
    good: npt.NDArray[np.bool_]
    has_scale: npt.NDArray[np.bool_]


def add_coverage(rows: DataFrame, work: Work) -> DataFrame:
    """Add ``coverage`` and ``has_scale``, null for rows that have a reason already."""
    schema = StructType([*rows.schema.fields])
    schema.add("coverage", FloatType()).add("has_scale", BooleanType())
    return _on_parts(rows, work, partial(_coverage_of_part, work=work), schema)


def sums(rows: DataFrame, work: Work) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the sum of the good pixels' normalised flux and their number, shape (PIXELS,)."""
    results = _on_parts(rows, work, partial(_sums_of_part, work=work), "part string, sums binary")
    by_part = sorted(results.collect())  # 42 kB for each part, added in one order
    arrays = [np.frombuffer(row.sums).reshape(2, PIXELS) for row in by_part]
    total = np.sum(arrays, axis=0)
    return total[0], total[1]


def write(
    rows: DataFrame, work: Work, mean: FloatArray, staging: Location, provenance: dict[str, str]
) -> list[Row]:
    """Write the ``restframe`` table; return (staged, place) of each part."""
    task = partial(_write_part, work=work, mean=mean, staging=staging, provenance=provenance)
    return _on_parts(rows, work, task, "staged string, place string").collect()


def _on_parts(
    rows: DataFrame, work: Work, task: Callable[[pa.Table], pa.Table], schema: StructType | str
) -> DataFrame:
    """Run a task on the rows of each part."""

    def on_part(rows: pa.Table) -> pa.Table:  # Spark insists on a function with type hints
        return task(rows)

    near = rows.repartition(PARTITIONS_PER_PART * work.parts, "part")
    return near.groupBy("part").applyInArrow(on_part, schema)


def _part(rows: pa.Table) -> Location:
    """Return the part that holds the pixels of these rows."""
    return Location(rows["part"][0].as_py())


def _batches(rows: pa.Table, columns: list[str]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Read a part; give each batch as its narrow rows and its pixels, in the order of the part."""
    rows = rows.sort_by("row")
    position = 0
    for batch in open_part(_part(rows)).iter_batches(BATCH, columns=columns):
        here = rows.filter(
            (pc.field("row") >= position) & (pc.field("row") < position + batch.num_rows)
        )
        chosen = pc.subtract(here["row"], position).combine_chunks()
        yield here, pa.Table.from_batches([batch]).take(chosen)
        position += batch.num_rows


def _move(here: pa.Table, observed: pa.Table, work: Work) -> Moved:
    frame = to_rest_frame(ObservedBatch.from_arrow(observed), work.reject)
    flux, ivar, has_scale = normalise(work.method, *frame)
    return Moved(here, flux, ivar, frame.good, has_scale)


def _coverage_of_part(rows: pa.Table, work: Work) -> pa.Table:
    finished = []
    for here, observed in _batches(rows, PIXEL_COLUMNS):
        candidate = pc.is_null(here["reason"])
        moved = _move(here.filter(candidate), observed.filter(candidate), work)
        columns = {"coverage": coverage(moved.good), "has_scale": moved.has_scale}
        for name, values in columns.items():
            here = here.append_column(name, _spread(pa.array(values), candidate))
        finished.append(here)
    return pa.concat_tables(finished)


def _spread(values: pa.Array, where: pa.ChunkedArray) -> pa.Array:
    """Put values where the condition holds, nulls elsewhere."""
    index = pc.cumulative_sum(where.cast(pa.int32())).combine_chunks()
    return values.take(pc.if_else(where.combine_chunks(), pc.subtract(index, 1), None))


def _sums_of_part(rows: pa.Table, work: Work) -> pa.Table:
    total = np.zeros((2, PIXELS))
    for here, observed in _batches(rows, PIXEL_COLUMNS):
        moved = _move(here, observed, work)
        total[0] += np.where(moved.good, moved.flux, 0).sum(axis=0, dtype=np.float64)
        total[1] += moved.good.sum(axis=0)
    return pa.table({"part": [str(_part(rows))], "sums": [total.tobytes()]})


def _write_part(
    rows: pa.Table, work: Work, mean: FloatArray, staging: Location, provenance: dict[str, str]
) -> pa.Table:
    survey, release = (rows[name][0].as_py() for name in ("survey", "release"))
    part = f"{provenance['run_id']}-{_part(rows).name}"
    place = f"restframe/survey={survey}/release={release}/{part}"
    staged = staging / os.urandom(4).hex() / place
    with part_writer(staged, RESTFRAME) as writer:
        for here, observed in _batches(rows, PIXEL_COLUMNS):
            writer.write_table(_restframe_table(here, observed, work, mean, provenance))
    return pa.table({"staged": [staged.path], "place": [place]})


def _restframe_table(
    here: pa.Table, observed: pa.Table, work: Work, mean: FloatArray, provenance: dict[str, str]
) -> pa.Table:
    used = pc.is_null(here["reason"])
    moved = _move(here.filter(used), observed.filter(used), work)
    values = {
        "flux": _spread(_lists(fill_gaps(moved.flux, moved.good, mean)), used),
        "ivar": _spread(_lists(moved.ivar), used),
        **{name: pa.repeat(value, here.num_rows) for name, value in provenance.items()},
    }
    columns = [values.get(field.name) or here[field.name] for field in RESTFRAME]
    return pa.Table.from_arrays(columns, schema=RESTFRAME)


def _lists(array: FloatArray) -> pa.ListArray:
    offsets = np.arange(0, array.size + 1, array.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, array.reshape(-1))
