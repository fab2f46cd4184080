"""How parts are stored, and parts that cannot be written; for damaged ones see test_verify.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galspec_spark.errors import UserError
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.storage import Location

ROWS = pa.table({"z": [0.1] * 100_000})


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_is_named_with_the_place() -> None:
    message = r"cannot write /dev/full: No space left on device; fix this and run the same command"
    with (
        pytest.raises(UserError, match=message),
        part_writer(Location.of("/dev/full"), ROWS.schema) as writer,
    ):
        writer.write_table(ROWS)


def test_pages_have_an_index(tmp_path: Path) -> None:
    place = Location.of(tmp_path / "part.parquet")
    with part_writer(place, ROWS.schema) as writer:
        writer.write_table(ROWS)
    column = pq.read_metadata(place.path).row_group(0).column(0)
    assert column.has_column_index
    assert column.has_offset_index


def test_rows_come_in_the_order_that_was_asked_for(tmp_path: Path) -> None:
    place = Location.of(tmp_path / "part.parquet")
    rows = pa.table({"number": range(10), "name": [str(number) for number in range(10)]})
    with part_writer(place, rows.schema) as writer:
        for first in (0, 4, 8):
            writer.write_table(rows.slice(first, 4))
    part = open_part(place)
    read: list[int] = []
    row_group = part.read_row_group
    part.read_row_group = lambda number, *rest, **options: (
        read.append(number) or row_group(number, *rest, **options)
    )
    assert part.read_rows([9, 1, 9, 0], ["name"])["name"].to_pylist() == ["9", "1", "9", "0"]
    assert read == [0, 2]
    with pytest.raises(UserError, match="fewer rows than the table sample"):
        part.read_rows([10], ["name"])


def test_bounds_are_of_all_row_groups(tmp_path: Path) -> None:
    place = Location.of(tmp_path / "part.parquet")
    rows = pa.table({"name": ["b", "c", "a"]})
    with part_writer(place, rows.schema) as writer:
        for first in range(3):
            writer.write_table(rows.slice(first, 1))
    assert open_part(place).bounds("name") == ("a", "c")
