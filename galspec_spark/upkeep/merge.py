"""Merge sorted parts into one, a row group at a time: every table of the same spectra alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.storage import Location

#: Rows of a row group with pixels or lines, as ingest writes it, and without.
WIDE, NARROW = 1000, 20_000
#: Rows that are read at once of each of the parts: 4 MB of a spectrum's arrays.
BATCH_ROWS = 64
#: What a spectrum without a position is sorted as.
LAST = 2**63 - 1

#: For each row of the merged part, the number of the part that it comes from.
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Merge:
    """Parts of one table, and the parts of ``spectra`` whose order of rows theirs is."""

    parts: tuple[Location, ...]
    spectra: tuple[Location, ...]  #: none where rows stay one part after the other
    row_group: int


@dataclass(frozen=True)
class MergeParts:
    """The task that merges parts. Memory holds a row group, compressed, of each of the parts."""

    staging: Location

    def __call__(self, work: Merge) -> Location:
        """Stage the merged part; return it."""
        staged = self.staging / os.urandom(8).hex() / "merged.parquet"
        order = sky_order(work.spectra) if work.spectra else one_after_the_other(work.parts)
        with part_writer(staged, open_part(work.parts[0]).schema_arrow) as writer:
            for rows in merged(work.parts, order, work.row_group):
                writer.write_table(rows)
        return staged


def sky_order(spectra: Sequence[Location]) -> Order:
    """Return the order by ``healpix29`` of parts that have it, each part's rows in their order."""
    stored = [open_part(part).read(["healpix29"])["healpix29"] for part in spectra]
    pixels = [np.maximum.accumulate(pc.fill_null(each, LAST).to_numpy()) for each in stored]
    part = np.repeat(np.arange(len(spectra)), [len(each) for each in pixels])
    return part[np.argsort(np.concatenate(pixels), kind="stable")]


def one_after_the_other(parts: Sequence[Location]) -> Order:
    """Return the order of parts that follow each other."""
    return np.repeat(np.arange(len(parts)), [open_part(part).metadata.num_rows for part in parts])


def merged(parts: Sequence[Location], order: Order, rows: int) -> Iterator[pa.Table]:
    """Yield the rows of parts in an order, some at a time."""
    schema = open_part(parts[0]).schema_arrow
    sources = [_Source(part, schema) for part in parts]
    for first in range(0, len(order), rows):
        group = order[first : first + rows]
        counts = np.bincount(group, minlength=len(parts)).tolist()
        taken = [source.take(n) for source, n in zip(sources, counts, strict=True) if n]
        yield in_order(pa.concat_tables(taken), group)


def in_order(rows: pa.Table, order: Order) -> pa.Table:
    """Bring rows, those of each part together, into an order."""
    place = np.empty(len(order), np.int64)
    place[np.argsort(order, kind="stable")] = np.arange(len(order))
    return rows.take(pa.array(place))


class _Source:
    """Reads the rows of a part, as many as are asked for."""

    def __init__(self, part: Location, schema: pa.Schema) -> None:
        self._schema = schema
        self._held = schema.empty_table()
        # Other tasks keep the other cores busy.
        self._batches = open_part(part).iter_batches(BATCH_ROWS, use_threads=False)

    def take(self, count: int) -> pa.Table:
        """Return the next rows."""
        tables, missing = [self._held], count - len(self._held)
        while missing > 0:
            batch = pa.Table.from_batches([next(self._batches)]).cast(self._schema)
            tables.append(batch)
            missing -= len(batch)
        rows = pa.concat_tables(tables)
        self._held = rows.slice(count)
        return rows.slice(0, count)
