from __future__ import annotations

import numpy as np
import pyarrow as pa

from galspec_spark.export.fixed_width import vectors


def test_vectors_of_other_lengths_are_filled_up() -> None:
    lists = pa.array([[9], [1, 2, 3], None, [], [4, None]], pa.list_(pa.float32()))
    nan = np.nan
    expected = [[1, 2, 3], [nan] * 3, [nan] * 3, [4, nan, nan]]
    np.testing.assert_array_equal(vectors(lists[1:], 3), expected)
