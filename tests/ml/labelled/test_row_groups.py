"""Features are the same in many row groups as in one; a sample of them is of whole objects."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galspec_spark.ml.labelled.features import ALL_FEATURES, FeatureTable, _gathered
from galspec_spark.ml.labelled.fold_rows import FoldRows
from galspec_spark.warehouse.storage import Location

ROWS = 60


def rows() -> pa.Table:
    number = np.arange(ROWS)
    fold = pa.array([None if n % 7 == 0 else n % 3 for n in number], pa.int32())
    features = [[float(n), -float(n)] for n in number]
    return pa.table(
        {
            "spectrum_id": [f"s{n:02d}" for n in number[::-1]],
            "object_id": [f"o{n // 2}" for n in number],
            "split": ["test" if n % 7 == 0 else "train" for n in number],
            "label": pa.array(number % 2, pa.int32()),
            "fold": fold,
            ALL_FEATURES: features,
        }
    )


def written(folder, row_group: int) -> list[Location]:
    place = folder / f"{row_group}.parquet"
    pq.write_table(rows(), place, row_group_size=row_group)
    return [Location.of(place)]


@pytest.mark.parametrize("fold", [None, 0, 2])
def test_a_fit_reads_the_same_of_many_row_groups(tmp_path, fold):
    found = [
        FoldRows(written(tmp_path, size), "label", "fold", [ALL_FEATURES] * 3, ALL_FEATURES)
        for size in (ROWS, 4)
    ]
    (whole, labels), (features, of_groups) = (each.training(fold) for each in found)
    expected = [n for n in range(ROWS) if n % 7 and n % 3 != (-1 if fold is None else fold)]
    assert whole[:, 0].tolist() == features[:, 0].tolist() == expected
    assert labels.tolist() == of_groups.tolist() == [n % 2 for n in expected]
    if fold is not None:
        held = [n for values, _, _ in found[1].held_out(fold) for n in values[:, 0]]
        assert held == [n for n in range(ROWS) if n % 7 and n % 3 == fold]


def test_a_split_is_read_in_the_order_of_identifiers_or_some_objects_of_it(tmp_path):
    table = FeatureTable(None, None, written(tmp_path, 4), None)
    names = table.read("train", ["spectrum_id"])["spectrum_id"].to_pylist()
    assert names == sorted(names)
    assert len(names) == sum(n % 7 != 0 for n in range(ROWS))
    few = table.read("train", ["spectrum_id", "object_id"], most=20)
    assert 0 < len(few) < len(names)
    both = table.read("train", ["object_id"])["object_id"].to_pylist()
    chosen = few["object_id"].to_pylist()
    assert all(chosen.count(name) == both.count(name) for name in chosen)


def test_batches_are_gathered_in_their_order(monkeypatch):
    monkeypatch.setattr("galspec_spark.ml.labelled.features.ROW_GROUP", 25)
    tables = list(_gathered(rows().to_batches(max_chunksize=10)))
    assert [len(table) for table in tables] == [30, 30]
    assert pa.concat_tables(tables).equals(rows())
