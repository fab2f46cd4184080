"""Which observations make the pairs that tell what the label is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galspec_spark.measure.schema import LINES
from galspec_spark.train.repeats import label_noise
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.synthetic import restframe, write_warehouse
from tests.warehouses import with_columns

NAMES = [f"spectrum-{i:04d}" for i in range(8)]
#: The second is left out, and the seventh has no label.
ROWS = {
    "spectrum_id": pa.array(NAMES),
    "object_id": pa.array(["a", "a", "b", "b", "c", "d", "d", "d"]),
    "label": pa.array([0, 1, 1, 0, 1, 0, None, 0], pa.int32()),
    "reason": pa.array([None, "coverage", *[None] * 6], pa.string()),
}


def write(root: Path, lines: pa.Table) -> Warehouse:
    """Write a warehouse whose only part has these lines."""
    table = restframe(8)
    for name, values in ROWS.items():
        table = table.set_column(table.column_names.index(name), name, values)
    warehouse = Warehouse(write_warehouse(root, table, parts=1))
    (part,) = warehouse.parts("restframe")
    place = root / warehouse.place_of(part).replace("restframe", "lines")
    place.parent.mkdir(parents=True)
    pq.write_table(lines, place)
    return warehouse


def lines_with(survival: list[float]) -> pa.Table:
    columns = {
        "spectrum_id": pa.array(NAMES),
        "formula_survival": pa.array(survival),
        "h_beta_sn": pa.array(np.arange(8.0)),
    }
    return with_columns(pa.table(columns), LINES, {"templates": "stars", "templates_seen": False})


def test_labelled_observations_of_one_object_are_paired(tmp_path) -> None:
    survival = [0.9, 0.9, 0.6, 0.9, 0.9, 0.8, 0.9, 0.9]
    noise = label_noise(write(tmp_path, lines_with(survival)), 1)
    assert noise is not None
    assert (noise.pairs, noise.same, noise.with_agn, noise.both_agn) == (2, 1, 1, 0)
    assert [each.predicted for each in noise.by_survival] == pytest.approx([0.6, 0.8])


def test_lines_of_an_earlier_version_tell_nothing(tmp_path) -> None:
    earlier = lines_with([0.9] * 8).drop_columns("formula_survival")
    assert label_noise(write(tmp_path, earlier), 1) is None


def test_without_lines_nothing_is_told(tmp_path) -> None:
    assert label_noise(Warehouse(write_warehouse(tmp_path, restframe(8), parts=1)), 1) is None
