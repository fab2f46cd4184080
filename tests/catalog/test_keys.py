"""The keys that join a catalogue with a survey's own tables."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from astropy.io import fits

from galspec_spark.catalog.keys import KEYS, STORED, keys_of
from galspec_spark.catalog.survey_pages import SKYSERVER
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.tables import Warehouse

SCHEMA = pa.schema([SPECTRA.field(name) for name in STORED])


def keys(rows: list[dict], survey: str = "sdss") -> list[dict]:
    found = keys_of(pa.Table.from_pylist(rows, SCHEMA), survey)
    return pa.Table.from_arrays(found, schema=KEYS).to_pylist()


def test_specobjid_is_sdss_own() -> None:
    """Published ones: of SDSS, of BOSS, and of a plate whose number needs the last bit."""
    observed = {"mjd": 51993, "fiber": 44, "file": "f"}
    rows = [
        {"plate": 542, "run2d": "26", **observed},
        {"plate": 542, "run2d": None, **observed},
        {"plate": 542, "run2d": "v6_0_4", **observed},
        {"plate": None, "run2d": "26", **observed},
        {"plate": 12547, "mjd": 58928, "fiber": 171, "run2d": "v5_13_2", "file": "f"},
    ]
    expected = (542 << 50) + (44 << 38) + (1993 << 24) + (26 << 10)
    beyond_signed = (12547 << 50) + (171 << 38) + (8928 << 24) + (1302 << 10)
    assert beyond_signed >= 2**63
    found = [row["specobjid"] for row in keys(rows)]
    assert found == [str(expected), None, None, None, str(beyond_signed)]
    assert {row["specobjid"] for row in keys(rows, "lamost")} == {None}


@pytest.mark.parametrize(
    ("survey", "plate", "simulated", "url"),
    [
        ("sdss", 266, False, f"{SKYSERVER}?plate=266&mjd=51602&fiber=7"),
        ("sdss", 266, True, "/survey/f.fits"),
        ("sdss", None, False, "/survey/f.fits"),
        ("desi", None, False, "/survey/f.fits"),
    ],
)
def test_the_address_is_of_the_survey_else_the_file(
    survey: str, plate: int | None, simulated: bool, url: str
) -> None:
    row = {"plate": plate, "mjd": 51602, "fiber": 7, "simulated": simulated}
    assert keys([{**row, "file": "/survey/f.fits"}], survey)[0]["url"] == url


def test_real_spectra_are_joined_with_their_index(real_spectra: Path, real_warehouse: Path) -> None:
    """Each of them by plate, night and fibre; some have the SPECOBJID that their file says."""
    rows = []
    for part in Warehouse(real_warehouse).parts("spectra"):
        rows += keys(open_part(part).read(list(STORED)).to_pylist())
    found = {(row["plate"], row["mjd"], row["fiber"]): row for row in rows}
    with (real_spectra / "index.csv").open() as index:
        listed = {
            (int(row["plate"]), int(row["mjd"]), int(row["fiber"])): row
            for row in csv.DictReader(index)
        }
    assert found.keys() == listed.keys()
    assert len(found) == len(rows)
    asked = list(listed)[::40]
    assert {listed[key]["run2d"] for key in asked} > {"26", "v5_10_0"}
    for key in asked:
        with fits.open(real_spectra / listed[key]["path"], memmap=False) as file:
            assert found[key]["specobjid"] == str(file[2].data["SPECOBJID"][0]).strip()
