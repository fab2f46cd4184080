"""How parts are stored, and parts that cannot be written; for damaged ones see test_verify.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galspec_spark.errors import UserError
from galspec_spark.warehouse.parts import part_writer
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
