from __future__ import annotations

import numpy as np
import pandas as pd

from galspec_spark.export.columns import COLUMNS
from tests.export.catalogue import COMPONENTS
from tests.export.conftest import Exported


def test_pandas_reads_the_rows(exported: Exported) -> None:
    frame = pd.read_csv(
        exported.folder / "catalog.csv",
        dtype={"label": "Int32", "healpix29": "Int64"},
        float_precision="round_trip",
    )
    vectors = [f"features_{number}" for number in range(1, COMPONENTS + 1)]
    assert set(frame.columns) == {*COLUMNS, *vectors} - {"features"}
    for name in set(COLUMNS) - {"features"}:
        expected = [row[name] for row in exported.rows]
        narrow = name in ("sn_median", "coverage", "reconstruction_error")
        found = frame[name].astype(np.float32) if narrow else frame[name]
        assert [None if pd.isna(value) else value for value in found.tolist()] == expected
    expected = [row["features"] or [np.nan] * COMPONENTS for row in exported.rows]
    np.testing.assert_array_equal(frame[vectors].to_numpy(np.float32), expected)
