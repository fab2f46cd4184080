"""Where in the table ``sample`` the rows of a part of ``restframe`` are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.warehouse.parts import Part


@dataclass(frozen=True, order=True)
class SampleRows:
    """The rows of ``sample`` of a part of ``restframe``."""

    row_group: int
    first: int  #: within the row group
    count: int


def starts_of(part: pa.ChunkedArray) -> list[int]:
    """Return the first row of each run of equal values."""
    changes = pc.not_equal(part.slice(1), part.slice(0, max(len(part) - 1, 0))).to_numpy()
    starts: list[int] = np.flatnonzero(np.append(len(part) > 0, changes)).tolist()
    return starts


def sample_rows(sample: Part) -> dict[str, SampleRows]:
    """Return the rows of each part of ``restframe``, relative to the warehouse, in their order."""
    column = sample.schema_arrow.get_field_index("part")
    found = {}
    for number in range(sample.num_row_groups):
        group = sample.metadata.row_group(number)
        statistics = group.column(column).statistics
        if statistics.min == statistics.max:
            found[statistics.min] = SampleRows(number, 0, group.num_rows)
            continue
        parts = sample.read_row_group(number, ["part"])["part"]
        for start, end in pairwise([*starts_of(parts), len(parts)]):
            found[parts[start].as_py()] = SampleRows(number, start, end - start)
    return found


def read_sample_rows(sample: Part, rows: SampleRows, columns: Sequence[str]) -> pa.Table:
    """Read columns of the rows of a part of ``restframe``.

    They are copied: the same rows have the same bytes, whatever else the row group has.
    """
    group = sample.read_row_group(rows.row_group, list(columns))
    return group.take(np.arange(rows.first, rows.first + rows.count))
