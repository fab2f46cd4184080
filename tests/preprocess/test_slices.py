"""Row groups, slices and the pixels of chosen rows, on a part made by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from galspec_spark.preprocess.slices import BATCH, pixels_of, row_groups_of_slice

from galspec_spark.warehouse.storage import Location

ROWS, ROW_GROUP = 700, 300


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Location:
    """Spectra of 1 to 3 pixels, whose flux is the number of their row."""
    lengths = 1 + np.arange(ROWS) % 3
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("i4")
    number = np.repeat(np.arange(ROWS), lengths)
    lists = [
        pa.ListArray.from_arrays(offsets, values)
        for values in (number.astype("f4"), number.astype("f4"), number.astype("i4"))
    ]
    zeros = pa.array(np.zeros(ROWS))
    table = pa.table([*lists, zeros, zeros], ["flux", "ivar", "and_mask", "loglam0", "z"])
    path = tmp_path_factory.mktemp("slices") / "part.parquet"
    pq.write_table(table, path, row_group_size=ROW_GROUP)
    return Location.of(path)


def rows_of(part: Location, numbers: np.ndarray) -> pa.Table:
    return pa.table({"part": [part.path] * len(numbers), "row": numbers.astype("i8")})


def test_each_row_gets_its_own_pixels(part: Location) -> None:
    numbers = np.random.default_rng(1).permutation(ROWS)[:400]
    found = []
    for row_group in pixels_of(rows_of(part, numbers)):
        for here, observed in row_group:
            assert here.num_rows == len(observed.starts) <= BATCH
            np.testing.assert_array_equal(observed.flux[observed.starts], here["row"])
            np.testing.assert_array_equal(observed.pixels, 1 + here["row"].to_numpy() % 3)
            found += here["row"].to_pylist()
    assert found == sorted(numbers)


def test_row_groups_without_a_row_are_not_read(part: Location) -> None:
    groups = [list(group) for group in pixels_of(rows_of(part, np.array([650, 5])))]
    assert len(groups) == 2
    assert [here["row"].to_pylist() for group in groups for here, _ in group if len(here)] == [
        [5],
        [650],
    ]
    assert not list(pixels_of(rows_of(part, np.array([]))))


@pytest.mark.parametrize("slices", [1, 2, 3, 5])
def test_slices_share_out_the_row_groups(part: Location, slices: int) -> None:
    file = pq.ParquetFile(part.path)
    for of_part in (0, 7):
        numbers = range(of_part * slices, (of_part + 1) * slices)
        groups = [g for number in numbers for g in row_groups_of_slice(number, slices, file)]
        assert groups == list(range(file.num_row_groups)) == [0, 1, 2]
