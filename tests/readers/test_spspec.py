"""The reader of spSpec files, of SDSS's data releases 1 to 7, against astropy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.lines import LINES
from tests import oracle
from tests.spspec_files import spspec


def read(content: bytes) -> dict[str, Any]:
    name, (row,) = read_spectra(Source("spSpec-51788-0355-079.fit", content))
    assert name == "sdss-spspec"
    return row


def assert_equals_astropy(content: bytes) -> None:
    theirs = oracle.spectra("sdss-spspec", content)
    oracle.assert_equal([read(content)], theirs)


@pytest.mark.parametrize("rows", [4, 5])
def test_values_equal_astropys(rows: int) -> None:
    content = spspec(rows)
    row = read(content)
    assert_equals_astropy(content)
    expected = {
        "key": "0355-51788-0079", "plate": 355, "mjd": 51788, "fiber": 79,
        "ra": 259.92662, "dec": 57.977138, "z": 0.0725, "z_err": 0.00025,
        "class": "GALAXY", "source_type": "GALAXY",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_what_spectro1d_lacks_or_means_otherwise_is_null() -> None:
    row = read(spspec())
    lines = [f"{line.name}_area" for line in LINES]
    for name in ("subclass", "zwarning", "sn_median", "object_id", "run2d", *lines):
        assert row.get(name) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, None), (1, "STAR"), (2, "GALAXY"), (3, "QSO"), (4, "QSO"),
        (5, None), (6, "STAR"), (7, "GALAXY"), (99, None), (None, None),
    ],
)  # fmt: skip
def test_classes_have_the_names_of_later_pipelines(code: int | None, expected: str) -> None:
    row = read(spspec(SPEC_CLN=code))
    assert row["class"] == expected
    assert row["source_type"] == ("SKY" if code == 5 else "GALAXY")


def test_a_redshift_that_is_a_whole_number_is_a_redshift() -> None:
    z = read(spspec(Z=0))["z"]
    assert (z, type(z)) == (0.0, float)


def test_missing_and_unreadable_cards_are_null() -> None:
    assert read(spspec(Z=None, OBJTYPE=None))["z"] is None
    unreadable = spspec().replace(b"=               0.0725 ", b"= 0.0000-000000000E-04 ")
    row = read(unreadable)
    assert row["z"] is None
    assert row["z_err"] == 0.00025


def test_without_its_table_there_are_no_masks() -> None:
    row = read(spspec(masks=False))
    assert row["and_mask"] is None
    assert row["or_mask"] is None


def test_malformed_files_have_a_reason() -> None:
    def error(content: bytes) -> BadFile:
        with pytest.raises(BadFile) as caught:
            read(content)
        return caught.value

    assert error(spspec(COEFF1=2e-4)).reason == "irregular_grid"
    assert error(spspec(FIBERID="seven")).reason == "malformed"
    assert error(spspec(RAOBJ="17h")).reason == "malformed"
    assert error(spspec(PLATEID=None)).reason == "unknown_format"
    assert error(spspec(rows=2)).reason == "unknown_format"
    content = spspec()
    assert error(content[: len(content) // 2]).reason == "truncated"
    with fits.open(io.BytesIO(content)) as hdus:
        hdus[6].data = hdus[6].data[:-1]
        buffer = io.BytesIO()
        hdus.writeto(buffer)
    assert error(buffer.getvalue()).reason == "malformed"
    assert error(content.replace(b"andMask", b"andMusk")).reason == "malformed"
    assert error(content.replace(b"BITPIX  =                  -32", b"BITPIX  =" + b"32".rjust(21)))


def test_the_real_file(real_formats: Path) -> None:
    """A template of DR2: its Z card is damaged, the rest is of the star it was made from."""
    content = (real_formats / "spDR2-017.fit").read_bytes()
    assert_equals_astropy(content)
    row = read(content)
    assert row["z"] is None
    assert (row["key"], row["class"]) == ("0355-51788-0579", "STAR")
