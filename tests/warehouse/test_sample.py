"""Spectra and what is decided about them, read side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.errors import UserError
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.sample import locate, read_sample, read_slice, slices, write_sample
from galspec_spark.warehouse.sample_rows import read_sample_rows, sample_rows
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests.warehouses import in_parts, write_tables

ROWS, ROW_GROUP, PIXELS = 70, 9, 3


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Spectra whose flux is their number; every seventh has none, every other is labelled."""
    number = np.arange(ROWS)
    has_pixels, is_labelled = number % 7 > 0, (number % 2 == 0) & (number % 7 > 0)
    flux = lists_of(np.repeat(number, PIXELS).reshape(-1, PIXELS).astype("f4"))
    ivar = lists_of(np.tile(np.array([1, 0, 2], "f4"), (ROWS, 1)))
    nulls = pa.nulls(ROWS, flux.type)
    mask = pa.array(has_pixels)
    table = pa.table(
        {
            "spectrum_id": [f"s{i:02d}" for i in number],
            "object_id": [f"s{i:02d}" for i in number],
            "split": pa.array(np.where(number < 40, "train", "test").tolist(), mask=~is_labelled),
            "flux": pa.compute.if_else(mask, flux, nulls),
            "ivar": pa.compute.if_else(mask, ivar, nulls),
        }
    )
    root = tmp_path_factory.mktemp("sample")
    parts = in_parts(table.slice(0, 50), 2, "survey=sdss/release=dr1")
    parts |= in_parts(table.slice(50), 1, "survey=sdss/release=dr2")
    return Warehouse(write_tables(root, parts, row_group_size=ROW_GROUP))


@pytest.mark.parametrize("tasks", [1, 2, 7, 40])
def test_slices_share_out_the_rows(warehouse: Warehouse, tasks: int) -> None:
    found: list[str] = []
    for part in slices(warehouse, tasks):
        for spectra in read_slice(part, ["spectrum_id"]):
            names = spectra.rows["spectrum_id"].to_pylist()
            number = np.array([int(name[1:]) for name in names])
            np.testing.assert_array_equal(spectra.has_pixels, number % 7 > 0)
            np.testing.assert_array_equal(spectra.flux[:, 1], number[spectra.has_pixels])
            filled = spectra.filled(np.full(PIXELS, -5, "f4"))
            assert (filled[:, 1] == -5).all()
            np.testing.assert_array_equal(filled[:, [0, 2]], spectra.flux[:, [0, 2]])
            found += names
    assert sorted(found) == read_sample(warehouse, ["spectrum_id"])["spectrum_id"].to_pylist()


def test_labelled_spectra_alone(warehouse: Warehouse) -> None:
    rows = [
        batch.rows.append_column("first", pa.array(batch.flux[:, 0]))
        for part in slices(warehouse, 3)
        for batch in read_slice(part, ["spectrum_id", "split"], labelled=True)
    ]
    found = pa.concat_tables(rows).sort_by("spectrum_id")
    expected = [i for i in range(ROWS) if i % 2 == 0 and i % 7]
    assert found["first"].to_pylist() == expected
    assert found["split"].to_pylist() == ["train" if i < 40 else "test" for i in expected]


def test_one_release_alone(warehouse: Warehouse) -> None:
    assert len(slices(warehouse)) == 3
    assert [Path(part.part.path).parent.name for part in slices(warehouse, release="dr2")] == [
        "release=dr2"
    ]
    assert slices(warehouse, release="dr3") == []


def test_spectra_are_found_by_name(warehouse: Warehouse) -> None:
    found = locate(warehouse, ["s26", "s00", "s55"])
    assert {name: row for name, (_, row) in found.items()} == {"s00": 0, "s26": 1, "s55": 5}
    part, row = found["s26"]
    assert open_part(warehouse.root / part).read(["flux"])["flux"][row].as_py() == [26.0] * PIXELS


def test_small_parts_share_a_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """Few row groups, whatever the number of releases; each part's rows are found in them."""
    sizes = [1, 3, 12, 2, 2]
    names = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    rows = open_part(warehouse.parts("sample")[0]).read().slice(0, len(names))
    place = rows.schema.get_field_index("part")
    rows = rows.set_column(place, rows.schema.field(place), pa.array(names))
    monkeypatch.setattr("galspec_spark.warehouse.sample.GROUP_ROWS", 10)
    write_sample(Location.of(tmp_path / "sample.parquet"), rows)
    sample = open_part(Location.of(tmp_path / "sample.parquet"))
    found = sample_rows(sample)
    assert [each.row_group for each in found.values()] == [0, 0, 0, 1, 1]
    for name, each in found.items():
        expected = rows.filter(pa.compute.equal(rows["part"], name))
        assert read_sample_rows(sample, each, rows.column_names) == expected
    assert list(found) == ["p0", "p1", "p2", "p3", "p4"]


def test_tables_that_do_not_belong_together_are_refused(warehouse: Warehouse) -> None:
    part = slices(warehouse)[0]
    shorter = open_part(part.part).read().slice(1)
    place = part.part.parent / "shorter.parquet"
    with part_writer(place, shorter.schema) as writer:
        writer.write_table(shorter)
    wrong = replace(part, part=place)
    with pytest.raises(UserError, match="has 24 rows and the table sample 25 of it: run galspec"):
        list(read_slice(wrong, ["spectrum_id"]))
    place.delete()
