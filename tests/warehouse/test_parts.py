"""Parts that cannot be written; for damaged ones see test_verify.py."""

from __future__ import annotations

import sys

import pyarrow as pa
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
