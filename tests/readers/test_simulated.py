"""The mark of simulated files reaches their rows, and only theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from galspec_spark.config import SimulateConfig
from galspec_spark.readers import read_spectra
from galspec_spark.readers.simulated import is_simulated
from galspec_spark.readers.source import Source
from galspec_spark.simulate.batch import simulate_block
from galspec_spark.simulate.speclite import files


@pytest.fixture(scope="module")
def content() -> bytes:
    return next(files(simulate_block(0, SimulateConfig(), count=1)))[1]


def test_simulated_files_are_told(content: bytes) -> None:
    real = content.replace(b"'simulated'", b"'v5_7_0'   ", 1)
    for each, expected in ((content, True), (real, False)):
        ((row,),) = [read_spectra(Source("spec.fits", each))[1]]
        assert row["simulated"] is expected


def test_only_a_card_is_the_mark(content: bytes) -> None:
    """Not the same words within another card."""
    header = content[:2880]
    assert is_simulated(header)
    assert not is_simulated(b" " * 8 + header)


def test_real_spectra_are_not_simulated(real_spectra: Path) -> None:
    file = next(real_spectra.rglob("spec-*.fits"))
    assert {row["simulated"] for row in read_spectra(Source("f", file.read_bytes()))[1]} == {False}
