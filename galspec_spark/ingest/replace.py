"""Take the rows of changed files out of the parts that hold them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.warehouse.parts import may_hold, open_part, part_writer
from galspec_spark.warehouse.releases import RELEASE
from galspec_spark.warehouse.schemas import FILES, SPECTRA
from galspec_spark.warehouse.storage import Location

BATCH = 1000  # rows
#: Schemas of the tables, by the column that tells which rows go.
SCHEMAS = {"file": SPECTRA, "path": FILES, RELEASE: FILES}


@dataclass(frozen=True)
class Kept:
    """The result of a task for one part."""

    stale: int  #: number of rows that go
    parts: list[tuple[Location, str]]  #: staged, place; empty where all rows stay or go


@dataclass
class Replaced:
    """Changes to commit."""

    remove: list[Location] = field(default_factory=list)  #: parts that held stale rows
    move: list[tuple[Location, str]] = field(default_factory=list)  #: staged, place

    @classmethod
    def of(cls, found: list[tuple[Location, str]], results: list[Kept]) -> Replaced:
        """Collect the results of the tasks, in the order of the parts."""
        replaced = cls()
        for (part, _), result in zip(found, results, strict=True):
            if result.stale:
                replaced.remove.append(part)
            replaced.move += result.parts
        return replaced


def parts_with(stale: pa.Array, parts: list[Location], column: str) -> list[tuple[Location, str]]:
    """Return the parts that may hold rows of stale files, by the statistics in their footers."""
    first, last = (bound.as_py() for bound in pc.min_max(stale).values())
    return [(part, column) for part in parts if may_hold(part, column, first, last)]


def without(
    number: int,
    *,
    parts: list[tuple[Location, str]],
    stale: pa.Array,
    root: Location,
    staging: Location,
    run_id: str,
) -> Kept:
    """Stage one part without the rows of stale files. Runs in a Spark task."""
    part, column = parts[number]
    file = open_part(part)
    is_stale = pc.is_in(file.read([column])[column], stale)
    count = pc.sum(is_stale).as_py() or 0
    if count in (0, file.metadata.num_rows):
        return Kept(count, [])
    folder = part.parent.path.removeprefix(f"{root.path}/")
    place = f"{folder}/{run_id}-kept-{number:05d}.parquet"
    staged = staging / os.urandom(4).hex() / place
    kept = pc.invert(is_stale)
    with part_writer(staged, SCHEMAS[column]) as writer:
        first = 0
        for batch in file.iter_batches(BATCH):
            writer.write_batch(batch.filter(kept.slice(first, batch.num_rows).combine_chunks()))
            first += batch.num_rows
    return Kept(count, [(staged, place)])
