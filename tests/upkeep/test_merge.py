"""The order of merged rows, and which parts are merged."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.upkeep import merge
from galspec_spark.upkeep.groups import small_groups
from galspec_spark.upkeep.merge import Merge, MergeParts, merged, sky_order
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.storage import Location

SCHEMA = pa.schema([("healpix29", pa.int64()), ("name", pa.string())], metadata={"key": "value"})


def write(folder: Path, name: str, pixels: list[int | None], group: int = 3) -> Location:
    place = Location.of(folder / f"{name}.parquet")
    names = [f"{name}{number}" for number in range(len(pixels))]
    with part_writer(place, SCHEMA) as writer:
        rows = pa.table({"healpix29": pixels, "name": names}, schema=SCHEMA)
        writer.write_table(rows, row_group_size=group)
    return place


@pytest.mark.parametrize(("batch", "row_group"), [(64, 1000), (1, 2), (2, 5)])
def test_rows_are_sorted_and_those_of_a_part_stay_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, row_group: int
) -> None:
    monkeypatch.setattr(merge, "BATCH_ROWS", batch)
    parts = (
        write(tmp_path, "a", [1, 4, 4, 9, None]),
        write(tmp_path, "b", [0, 4, 12, None]),
        write(tmp_path, "c", [2]),
    )
    found = open_part(MergeParts(Location.of(tmp_path))(Merge(parts, parts, row_group)))
    rows = found.read()
    assert rows["name"].to_pylist() == ["b0", "a0", "c0", "a1", "a2", "b1", "a3", "b2", "a4", "b3"]
    assert rows["healpix29"].to_pylist() == [0, 1, 2, 4, 4, 4, 9, 12, None, None]
    assert rows.schema.metadata == {b"key": b"value"}
    assert found.metadata.row_group(0).num_rows == min(row_group, 10)


def test_rows_of_many_parts_are_merged_as_numpy_sorts_them(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    pixels = [np.sort(random.integers(0, 50, random.integers(1, 40))).tolist() for _ in range(7)]
    parts = [write(tmp_path, f"p{n}-", each, 6) for n, each in enumerate(pixels)]
    rows = pa.concat_tables(merged(parts, sky_order(parts), 11))
    assert rows["healpix29"].to_pylist() == sorted(chain(*pixels))
    names = rows["name"].to_pylist()
    for number, each in enumerate(pixels):
        own = [name for name in names if name.startswith(f"p{number}-")]
        assert own == [f"p{number}-{row}" for row in range(len(each))]


def test_small_parts_are_put_together_up_to_a_size(tmp_path: Path) -> None:
    sizes = {"a": 30, "b": 30, "c": 60, "d": 30, "e": 49, "f": 10, "g": 40}
    places = []
    for name, size in sizes.items():
        places.append(Location.of(tmp_path / name))
        places[-1].write(bytes(size))
    groups = [[part.name for part in group] for group in small_groups(places, 100)]
    assert groups == [["a", "b", "d"], ["e", "f", "g"]]
    assert list(small_groups(places[:1], 100)) == []
