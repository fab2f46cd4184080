"""How much input makes a part of one size."""

from __future__ import annotations

from pathlib import Path

import pytest

from galspec_spark.ingest.listing import list_files
from galspec_spark.ingest.sizing import SPEC_LITE, STORED, input_bytes_of_a_part
from tests import spec_files


def test_the_files_themselves_tell_how_much_input_makes_a_part(tmp_path: Path) -> None:
    lite = spec_files.write(tmp_path / "lite", 0).read_bytes()
    exposures = bytes(4 * len(lite)) + lite  # stands for the exposures of a full file
    for seed in range(30):
        (tmp_path / f"lite/{seed}.fits").write_bytes(lite)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.fits").write_bytes(lite + exposures[: 4 * len(lite) // 2880 * 2880])
    expected = 100e6 * len(lite) / (8 * spec_files.PIXELS) / STORED
    of_lite = input_bytes_of_a_part(list_files([str(tmp_path / "lite")]).files, 100)
    of_full = input_bytes_of_a_part(list_files([str(tmp_path / "full")]).files, 100)
    assert of_lite == pytest.approx(expected, rel=1e-6)
    assert of_full == pytest.approx(5 * expected, rel=0.01)


def test_files_that_cannot_be_read_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "text.fits").write_text("not FITS")
    size = input_bytes_of_a_part(list_files([str(tmp_path)]).files, 100)
    assert size == pytest.approx(100e6 / SPEC_LITE / STORED)
