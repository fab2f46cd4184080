"""The catalogue beside its lines: the same rows in the same order, however they are stored."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from galspec_spark.catalog.read import OF_LINES, OF_SPECTRA, rows_beside
from galspec_spark.errors import UserError
from galspec_spark.measure.schema import LINES
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import CATALOG
from galspec_spark.warehouse.storage import Location

#: The third spectrum was read from two files.
NAMES = ["s0", "s1", "s2", "s2", "s3", "s4", "s5"]


def write(folder: Path, table: str, schema: pa.Schema, rows: list[dict], group: int) -> Location:
    place = Location.of(folder / f"{table}/survey=sdss/release=dr14/0.parquet")
    with part_writer(place, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema), row_group_size=group)
    return place


def catalog_part(folder: Path) -> Location:
    rows = [{"spectrum_id": name, "class": "AGN", "flags": 0, "version": "1"} for name in NAMES]
    return write(folder, "catalog", CATALOG, rows, 3)


def lines_part(folder: Path, names: list[str]) -> Location:
    rows = [
        {
            "spectrum_id": name,
            "file": f"{number}.fits",
            "templates": "stars",
            "templates_seen": False,
            "version": "2",
            "h_beta_area": number,
        }
        for number, name in enumerate(names)
    ]
    return write(folder, "lines", LINES, rows, 2)


@pytest.mark.parametrize(("at_once", "of_lines"), [(1000, 1000), (2, 3), (3, 1), (1, 1000)])
def test_a_row_has_the_lines_of_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, of_lines: int
) -> None:
    monkeypatch.setattr("galspec_spark.warehouse.frames.BATCH_ROWS", at_once)
    monkeypatch.setattr("galspec_spark.catalog.read.BATCH_ROWS", of_lines)
    work = catalog_part(tmp_path), [None, lines_part(tmp_path, NAMES)]
    found = pa.Table.from_batches(rows_beside(work, [OF_SPECTRA, OF_LINES]))
    assert found["spectrum_id"].to_pylist() == NAMES
    assert found["h_beta_area"].to_pylist() == list(range(len(NAMES)))
    assert found["release"].to_pylist() == ["dr14"] * len(NAMES)
    assert set(found["version"].to_pylist()) == {"1"}
    assert set(found["lines_version"].to_pylist()) == {"2"}


def test_what_was_not_measured_is_null(tmp_path: Path) -> None:
    work = catalog_part(tmp_path), [None, None]
    found = pa.Table.from_batches(rows_beside(work, [OF_SPECTRA, OF_LINES]))
    assert found["spectrum_id"].to_pylist() == NAMES
    assert all(
        found[name].null_count == len(NAMES)
        for each in (OF_SPECTRA, OF_LINES)
        for name in each.schema.names
    )


@pytest.mark.parametrize("names", [NAMES[:-1], ["other", *NAMES[1:]], NAMES[::-1]])
def test_other_spectra_are_an_error(tmp_path: Path, names: list[str]) -> None:
    work = catalog_part(tmp_path), [lines_part(tmp_path, names)]
    with pytest.raises(UserError, match=r"lines/.*0\.parquet has other spectra"):
        list(rows_beside(work, [OF_LINES]))
