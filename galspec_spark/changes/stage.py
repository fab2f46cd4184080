"""Changing objects: repeat observations compared, from the tables ``sample`` and ``lines``."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.changes.figure import changes_figure, read_figure
from galspec_spark.changes.repeats import pair_up, read_repeats
from galspec_spark.changes.table import CHANGES, changes_table
from galspec_spark.harness.run import Run, Summary
from galspec_spark.labels import BINARY
from galspec_spark.preprocess.recipe import read_state
from galspec_spark.report.page import draw
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

TABLE, FIGURE = "changes.parquet", "figures/changes.png"

log = logging.getLogger(__name__)


def find_changes(run: Run, warehouse: Warehouse, output: Path) -> Summary:
    """Compare the repeat observations of each object.

    Parameters
    ----------
    output
        Gets ``changes.parquet``, and ``figures/changes.png`` where pairs were compared.

    Returns
    -------
    dict
        The summary: numbers of objects, pairs, pairs compared, and candidates.

    Raises
    ------
    UserError
        If a table is missing, or spectra were not measured.
    """
    repeats = read_repeats(warehouse)
    pairs = pair_up(repeats)
    if not len(pairs.first):
        log.info("changes: no object was observed more than once: the table of changes is empty")
    state = read_state(warehouse)
    classes = BINARY if state is None else state.label.classes
    changes = changes_table(repeats, pairs, run.config.changes, classes, run.columns())
    place = Location.of(output / TABLE)
    with part_writer(place, CHANGES) as writer:
        writer.write_table(changes)
    _draw(warehouse, changes, run.config.changes.sigma, Location.of(output / FIGURE))
    return {
        "objects": pc.count_distinct(changes["object_id"]).as_py(),
        "pairs": len(changes),
        "compared": _count(pc.greater(changes["lines"], 0)),
        "candidates": _count(changes["is_candidate"]),
        "by_line": _count(changes["by_line"]),
        "by_class": _count(changes["by_class"]),
        "table": str(place),
    }


def _draw(warehouse: Warehouse, changes: pa.Table, sigma: float, place: Location) -> None:
    """Write the figure; without a pair that was compared, remove an earlier run's."""
    content = read_figure(warehouse, changes, sigma)
    if content.shown:
        place.write(draw(changes_figure, content))
    else:
        place.delete()


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
