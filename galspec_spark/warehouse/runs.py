"""The table ``runs``: what was done to a warehouse, when, and how it ended.

It is no table of spectra: no job reads it, so no change of the others waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from galspec_spark.warehouse.columns import column, required
from galspec_spark.warehouse.fields import provenance
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location

#: Name of the table.
TABLE = "runs"
#: One row per run and step. The row of the whole run has the job's name as its ``step``.
RUNS = pa.schema(
    [
        required("job", pa.string(), "Job: the command, such as release", "meta.id;meta.software"),
        required("step", pa.string(), "Step; of the whole run, the job's name", "meta.id"),
        column("release", pa.string(), "Data release; null for all", "meta.version;meta.dataset"),
        column("model", pa.string(), "Model, where one was used", "meta.checksum;meta.modelled"),
        required("started", pa.timestamp("us", "UTC"), "When it began (UTC)", "time.start"),
        required("seconds", pa.float64(), "How long it took", "time.duration", "s"),
        required("status", pa.string(), "done, skipped, attention or failed", "meta.code.status"),
        required("exit_code", pa.int32(), "Exit code; of a step, as if alone", "meta.code.status"),
        required(
            "counts",
            pa.map_(pa.string(), pa.int64()),
            "Whole numbers of the summary",
            "meta.number",
        ),
        column("message", pa.string(), "Why it failed, or what it found", "meta.note"),
        *provenance("ran"),
    ]
)


def add_runs(root: Location, run_id: str, rows: Sequence[Mapping[str, object]]) -> Location:
    """Add the rows of a run to the table of a warehouse, as a part of its own; return the part.

    The part is complete as soon as it has its name. Neither other parts nor the lock are touched.

    Parameters
    ----------
    root
        The warehouse.
    rows
        Values of the columns of `RUNS`.

    Raises
    ------
    UserError
        If the part cannot be written.
    """
    place = root / TABLE / f"{run_id}.parquet"
    unfinished = place.parent / f".{place.name}"
    try:
        with part_writer(unfinished, RUNS) as writer:
            writer.write_table(pa.Table.from_pylist([dict(row) for row in rows], RUNS))
        unfinished.sync()
        unfinished.move(place)
    finally:
        unfinished.delete()
    return place
