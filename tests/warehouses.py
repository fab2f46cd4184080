"""Warehouses of rest-frame spectra made by hand, without files and observed spectra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from galspec_spark.config import PreprocessConfig
from galspec_spark.harness.tasks import shares
from galspec_spark.ml.labelled.spectra import LabelledSpectra
from galspec_spark.preprocess.recipe import STATE, State
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.sample import slices, write_sample
from galspec_spark.warehouse.schemas import RESTFRAME, SAMPLE
from galspec_spark.warehouse.storage import write_json
from galspec_spark.warehouse.tables import Warehouse

#: What a column holds where the rows do not say.
DEFAULTS = {
    "file": "a.fits",
    "survey": "sdss",
    "release": "dr14",
    "class": "GALAXY",
    "source_type": "GALAXY",
    "quality": 0,
    "zwarning": 0,
    "simulated": False,
    "has_scale": True,
    "coverage": 1.0,
    "first_seen": "run",
    "observations": 1,
    "is_primary": True,
    "version": "test",
    "run_id": "test",
    "config_hash": "test",
}


def write_tables(
    root: Path,
    parts: dict[str, pa.Table],
    config: PreprocessConfig | None = None,
    row_group_size: int | None = None,
) -> Path:
    """Write the tables ``restframe`` and ``sample``; return the warehouse.

    Parameters
    ----------
    parts
        Rows with any columns of the two tables, by the place of their part below ``restframe``.
    """
    warehouse = Warehouse(root)
    rows = []
    for place in sorted(parts):
        name = f"restframe/{place}"
        values = dict(folder.split("=") for folder in place.split("/")[:-1])
        table = parts[place]
        with part_writer(warehouse.root / name, RESTFRAME) as writer:
            writer.write_table(with_columns(table, RESTFRAME, {}), row_group_size=row_group_size)
        rows.append(with_columns(table, SAMPLE, {**values, "part": name}))
    write_sample(warehouse.table("sample") / "sample.parquet", pa.concat_tables(rows))
    state = State.of(config or PreprocessConfig())
    write_json(warehouse.table("sample") / STATE, state.model_dump(mode="json"))
    warehouse.mark_format()
    return root


def with_columns(table: pa.Table, schema: pa.Schema, constants: dict[str, Any]) -> pa.Table:
    """Return the columns of a schema: of the table, of the constants, or the defaults."""
    known = {**DEFAULTS, **constants}
    columns = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        elif field.name in known:
            columns.append(pa.array([known[field.name]] * len(table), field.type))
        else:
            columns.append(pa.nulls(len(table), field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def labelled(root: Path, pixels: int = PIXELS, tasks: int = 2) -> LabelledSpectra:
    """Return the labelled spectra of a warehouse; gaps get zeros."""
    divided = shares(slices(Warehouse(root), tasks), tasks)
    return LabelledSpectra(divided, np.zeros(pixels, np.float32))


def in_parts(
    table: pa.Table, count: int, folder: str = "survey=sdss/release=dr14"
) -> dict[str, pa.Table]:
    """Divide rows into parts of one folder."""
    pieces: Sequence[Any] = np.array_split(np.arange(len(table)), count)
    return {f"{folder}/part-{i}.parquet": table.take(rows) for i, rows in enumerate(pieces)}
