"""The reader of SDSS-V's spec files against astropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from tests import oracle, spec_files
from tests.plate_files import to_bytes

NAME = "spec-015143-59205-27021598150202075.fits"


def read(hdus: fits.HDUList, name: str = NAME) -> dict[str, Any]:
    """Read a file as astropy does."""
    content = to_bytes(hdus)
    kind, rows = read_spectra(Source(name, content))
    assert kind == "sdss-v-spec"
    oracle.assert_equal(rows, oracle.spectra(kind, content, name))
    return rows[0]


@pytest.mark.parametrize("full", [False, True])
def test_a_file_of_dr19(full: bool) -> None:
    row = read(spec_files.sdss_v(full=full))
    expected = {
        "survey": "sdss", "key": "015143-59205-27021598150202075", "mjd": 59205, "fiber": 147,
        "field": "015143", "target_id": 27021598150202075, "object_id": "sdss_id-55555555",
        "source_type": "QSO", "run2d": "v6_1_3",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert "plate" not in row
    assert row["h_alpha_area"] is not None


def test_a_file_of_dr18_has_its_field_in_another_table() -> None:
    row = read(spec_files.sdss_v(dr18=True), "spec-15143-59205-04544940698.fits")
    assert row["key"] == "015143-59205-4544940698"
    assert (row["fiber"], row["object_id"]) == (147, "catalogid-4544940698")
    assert row["source_type"] == "QSO"


def test_units_without_names_are_known_by_their_columns() -> None:
    hdus = spec_files.sdss_v()
    for hdu in hdus:
        hdu.header.remove("EXTNAME", ignore_missing=True)
    assert read(hdus)["key"] == "015143-59205-27021598150202075"


@pytest.mark.parametrize(
    ("values", "column", "expected"),
    [
        ({"FIBERID_LIST": "147 148 147"}, "fiber", None),
        ({"SDSS_ID": -999}, "object_id", "catalogid-27021598150202075"),
        ({"SDSS_ID": -999, "CATALOGID": -17}, "object_id", None),
        ({"CATALOGID": -17}, "key", "015143-59205--17"),
        ({"CATALOGID": 2**63 - 1}, "target_id", 2**63 - 1),
        ({"OBJTYPE": "SKY"}, "object_id", None),
        ({"OBJTYPE": "SKY"}, "source_type", "SKY"),
        ({"dr18": True, "CATALOGID": 0}, "key", "015143-59205-147"),
        ({"dr18": True, "CATALOGID": 0}, "object_id", None),
    ],
)
def test_identity(values: dict[str, Any], column: str, expected: object) -> None:
    assert read(spec_files.sdss_v(**values))[column] == expected


def test_a_sum_over_fields_is_named_by_its_file() -> None:
    row = read(spec_files.sdss_v(FIELD=0), "spec-allepoch_lco-60000-27021598150202075.fits.gz")
    assert (row["field"], row["key"]) == (
        "allepoch_lco",
        "allepoch_lco-59205-27021598150202075",
    )


def test_a_catalogue_identifier_without_a_sign() -> None:
    """IDL writes it so in DR18, with TZERO."""
    hdus = spec_files.sdss_v()
    names = [name for name in hdus[2].columns.names if name != "CATALOGID"]
    unsigned = fits.Column("CATALOGID", "K", bzero=2**63, array=np.array([7], np.uint64))
    hdus[2] = fits.BinTableHDU.from_columns(
        fits.ColDefs([hdus[2].columns[name] for name in names]) + unsigned, name="SPALL"
    )
    assert read(hdus)["target_id"] == 7


def test_a_target_without_lines() -> None:
    hdus = spec_files.sdss_v()
    hdus[4] = fits.BinTableHDU(hdus[4].data[:0], name="ZLINE")
    assert read(hdus).get("h_alpha_area") is None


def cut(units: int) -> fits.HDUList:
    return fits.HDUList(spec_files.sdss_v()[:units])


@pytest.mark.parametrize(
    ("hdus", "message"),
    [
        (spec_files.sdss_v(FIELD=0), "does not say of which field"),
        (spec_files.sdss_v(CLASS=None), "SPALL has no column CLASS"),
        (spec_files.sdss_v(FIELD=None), "SPALL has no column FIELD"),
        (spec_files.sdss_v(CATALOGID=7.5), "CATALOGID is not a whole number"),
        (cut(4), "missing: ZLINE"),
    ],
    ids=["field", "class", "no field", "catalogid", "lines"],
)
def test_what_is_needed_is_named(hdus: fits.HDUList, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        read_spectra(Source(NAME, to_bytes(hdus)))
