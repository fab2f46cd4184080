"""What jobs leave behind, read so that two runs can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

#: What differs between two runs of the same work: names, times, memory.
OF_A_RUN = {"run_id", "seconds", "stage_seconds", "worker_megabytes", "report"}
PRECISION = 1e-6


def assert_same(found: Path, expected: Path) -> None:
    """Compare a table (a folder or file of Parquet) or a file of JSON with that of another run."""
    if expected.suffix == ".json":
        one, other = _content(found), _content(expected)
        assert one.keys() == other.keys()
        for place, value in other.items():
            is_number = isinstance(value, float) and one[place] is not None
            close = pytest.approx(value, rel=PRECISION, abs=PRECISION) if is_number else value
            assert one[place] == close, place
    else:
        _assert_same_rows(_rows(found), _rows(expected))


def _content(path: Path) -> dict[str, Any]:
    """Return a JSON file's values by their places."""
    values: dict[str, Any] = {}

    def add(place: str, value: Any) -> None:
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, each in items:
                if key not in OF_A_RUN:
                    add(f"{place}/{key}", each)
        else:
            values[place] = value

    add(path.name, json.loads(path.read_text()))
    return values


def _rows(table: Path) -> pa.Table:
    """Return the rows in an order of their own, whichever parts they are in."""
    parts = [table] if table.is_file() else sorted(table.rglob("*.parquet"))
    rows = pa.concat_tables(pq.ParquetFile(part).read() for part in parts)
    rows = rows.drop_columns(sorted(OF_A_RUN.intersection(rows.column_names)))
    keys = [
        f.name for f in rows.schema if pa.types.is_string(f.type) or pa.types.is_integer(f.type)
    ]
    return rows.sort_by([(name, "ascending") for name in keys])


def _assert_same_rows(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema.equals(expected.schema)
    assert found.num_rows == expected.num_rows
    for name in expected.column_names:
        one, other = (table[name].combine_chunks() for table in (found, expected))
        while pa.types.is_list(one.type):
            assert one.value_lengths().equals(other.value_lengths()), name
            one, other = one.flatten(), other.flatten()
        if pa.types.is_floating(one.type):
            values = [column.to_numpy(zero_copy_only=False) for column in (one, other)]
            np.testing.assert_allclose(*values, PRECISION, PRECISION, err_msg=name)
        else:
            assert one.equals(other), name
