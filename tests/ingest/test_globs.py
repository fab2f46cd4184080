"""Inputs that are patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import list_files

FILES = ("0266/spec-1.fits", "0266/spec-2.fits", "0267/spec-1.fits.gz", "0301/x/spec-3.fits")


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    for name in (*FILES, "0266/notes.txt", "0266/.spec-9.fits", "[a]/spec-4.fits"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("026?/spec-*.fits", [0, 1]),
        ("026[67]", [0, 1, 2]),
        ("026[!7]/*", [0, 1]),  # neither the notes nor the hidden file
        ("{0266,0301}/{spec-1*,x}", [0, 3]),
        ("*/spec-{1,2}*", [0, 1, 2]),
        ("0{26{6,7},301}/spec-1*", [0, 2]),
        ("03*/../0266/*-2*", [1]),
    ],
)
def test_a_pattern_finds_what_it_means_to_spark(
    survey: Path, pattern: str, numbers: list[int]
) -> None:
    found = list_files([f"{survey}/{pattern}"]).files["path"].to_pylist()
    assert found == [f"{survey}/{FILES[number]}" for number in numbers]


def test_a_name_that_exists_is_no_pattern(survey: Path) -> None:
    listing = list_files([f"{survey}/[a]"])
    assert listing.files["path"].to_pylist() == [f"{survey}/[a]/spec-4.fits"]


def test_a_pattern_without_a_match_is_named(survey: Path) -> None:
    with pytest.raises(UserError, match=r"nothing matches .*/09\*/spec-\*"):
        list_files([f"{survey}/09*/spec-*"])
    with pytest.raises(UserError, match=r"no FITS files .* in .*/0266/\*\.txt; left out: 1 \.txt"):
        list_files([f"{survey}/0266/*.txt"])
    assert list_files([f"{survey}/09*/spec-*"], may_be_empty=True).files.num_rows == 0
