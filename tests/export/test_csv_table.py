from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from galspec_spark.catalog.keys import KEYS
from galspec_spark.export.line_columns import WITH_LINES
from tests.export.catalogue import COMPONENTS, without_empty_text
from tests.export.conftest import Exported


def test_pandas_reads_the_rows(exported: Exported) -> None:
    frame = pd.read_csv(
        exported.folder / "catalog.csv",
        dtype={
            "label": "Int32",
            "healpix29": "Int64",
            **dict.fromkeys(KEYS.names, "str"),
            **{field.name: "Int64" for field in KEYS if pa.types.is_integer(field.type)},
            "simulated": "Int64",
            "z_err": float,
        },
        float_precision="round_trip",
    )
    vectors = [f"features_{number}" for number in range(1, COMPONENTS + 1)]
    assert set(frame.columns) == {*WITH_LINES.described, *vectors} - {"features"}
    rows = [without_empty_text(row) for row in exported.rows]
    for name in set(WITH_LINES.described) - {"features"}:
        expected = [row[name] for row in rows]
        narrow = WITH_LINES.schema.field(name).type == pa.float32()
        found = frame[name].astype(np.float32) if narrow else frame[name]
        assert [None if pd.isna(value) else value for value in found.tolist()] == expected
    expected = [row["features"] or [np.nan] * COMPONENTS for row in exported.rows]
    np.testing.assert_array_equal(frame[vectors].to_numpy(np.float32), expected)
