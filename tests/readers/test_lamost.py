"""The reader of LAMOST spectra against astropy."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source, unpacked
from tests import lamost_files, oracle


def to_bytes(hdus: fits.HDUList) -> bytes:
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def read(hdus: fits.HDUList) -> dict[str, Any]:
    name, (row,) = read_spectra(Source("any name", to_bytes(hdus)))
    assert name == "lamost-lrs"
    return row


def reason(hdus: fits.HDUList) -> str:
    with pytest.raises(BadFile) as error:
        read_spectra(Source("any name", to_bytes(hdus)))
    return error.value.reason


def assert_equals_astropy(content: bytes) -> None:
    name, rows = read_spectra(Source("any name", unpacked(content)))
    assert name == "lamost-lrs"
    oracle.assert_equal(rows, oracle.spectra(name, content))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_images_of_both_precisions(dtype: str) -> None:
    assert_equals_astropy(to_bytes(lamost_files.image(dtype)))


def test_table_of_one_row() -> None:
    assert_equals_astropy(to_bytes(lamost_files.table()))


def test_scaled_image_and_scaled_cells_go_through_astropy() -> None:
    hdus = lamost_files.table()
    hdus[1].columns["FLUX"].bscale = 0.5
    assert_equals_astropy(to_bytes(hdus))


def test_cells_of_variable_length() -> None:
    rows = lamost_files.rows()
    columns = []
    for name, row in rows.items():
        cells = np.empty(1, object)
        cells[0] = row.astype("f4")
        columns.append(fits.Column(name, "PE()", array=cells))
    hdus = lamost_files.table()
    hdus[1] = fits.BinTableHDU.from_columns(columns, name="COADD")
    assert_equals_astropy(to_bytes(hdus))


def test_image_without_wavelengths_takes_them_from_the_cards() -> None:
    data = lamost_files.rows()
    data["WAVELENGTH"] = np.ones(lamost_files.PIXELS)  # flux without its continuum
    hdus = lamost_files.image(data=data, EXTEN0=lamost_files.WITHOUT_WAVELENGTHS)
    assert_equals_astropy(to_bytes(hdus))
    assert read(hdus)["loglam0"] == 3.5682


def test_key_and_what_lamost_lacks() -> None:
    row = read(lamost_files.image())
    assert row["survey"] == "lamost"
    assert row["key"] == "55859-F5902-01-013"
    assert row["subclass"] is None
    assert not {"sn_median", "zwarning", "plate"} & set(row)


@pytest.mark.parametrize(
    ("cards", "column", "value"),
    [
        ({"SUBCLASS": "NULL"}, "subclass", None),
        ({"SUBCLASS": ""}, "subclass", None),
        ({"CLASS": "STAR", "SUBCLASS": "G7"}, "subclass", "G7"),
        ({"CLASS": "Unknown", "Z": -9999.0}, "z", None),
        ({"CLASS": "Unknown", "Z": -9999.0}, "class", "Unknown"),
        ({"Z_ERR": -9999.0}, "z_err", None),
        ({"Z_ERR": None}, "z_err", None),
        ({"DESIG": None}, "object_id", None),
        ({"FIBERTYP": "Sky"}, "source_type", "SKY"),
        ({"FIBERTYP": "Sky"}, "object_id", None),
        ({"FIBERTYP": None, "FIB_TYPE": "Sky"}, "source_type", "SKY"),
        ({"OBJTYPE": None}, "source_type", None),
        ({"VERSPIPE": None}, "run2d", None),
    ],
)
def test_values_that_are_missing(cards: dict[str, Any], column: str, value: object) -> None:
    assert read(lamost_files.image(**cards))[column] == value


@pytest.mark.parametrize(
    "name", ["LMJD", "PLANID", "SPID", "FIBERID", "RA", "DEC", "CLASS", "SUBCLASS", "Z", "VACUUM"]
)
def test_a_card_that_must_be_there(name: str) -> None:
    assert reason(lamost_files.image(**{name: None})) == "malformed"


@pytest.mark.parametrize(
    "cards",
    [
        *({"Z": "many"}, {"RA": True}, {"FIBERID": 1.5}, {"LMJD": -1}, {"SPID": 1e300}),
        *({"PLANID": 7}, {"CLASS": 7}, {"SUBCLASS": True}, {"DESIG": 2.5}, {"VERSPIPE": 7}),
    ],
)
def test_a_card_of_another_type(cards: dict[str, Any]) -> None:
    assert reason(lamost_files.image(**cards)) == "malformed"


def test_air_wavelengths_are_rejected() -> None:
    assert reason(lamost_files.image(VACUUM=False)) == "air_wavelengths"
    assert reason(lamost_files.table(VACUUM=False)) == "air_wavelengths"


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0, -1, 3701.0])
def test_a_wavelength_off_the_grid(bad: float) -> None:
    data = lamost_files.rows()
    data["WAVELENGTH"][100] = bad
    assert reason(lamost_files.image(data=data)) == "irregular_grid"
    assert reason(lamost_files.table(data=data)) == "irregular_grid"


def test_wrong_step_in_the_cards() -> None:
    without = {"EXTEN0": lamost_files.WITHOUT_WAVELENGTHS}
    assert reason(lamost_files.image(COEFF1=1.1e-4, **without)) == "irregular_grid"
    assert reason(lamost_files.image(COEFF1=None, **without)) == "malformed"
    assert reason(lamost_files.image(COEFF0="x", **without)) == "malformed"


@pytest.mark.parametrize("mask", ["ANDMASK", "ORMASK"])
@pytest.mark.parametrize("bad", [0.5, np.nan, np.inf, -1, 2.0**31])
def test_masks_must_be_bits(mask: str, bad: float) -> None:
    data = lamost_files.rows()
    data[mask][7] = bad
    assert reason(lamost_files.image(data=data)) == "malformed"


def test_flux_that_is_not_finite_is_left_as_it_is() -> None:
    data = lamost_files.rows()
    data["FLUX"][5], data["IVAR"][6] = np.nan, np.inf
    row = read(lamost_files.image(data=data))
    assert np.isnan(row["flux"][5])
    assert np.isinf(row["ivar"][6])


def test_cells_of_different_lengths() -> None:
    data = lamost_files.rows()
    data["IVAR"] = data["IVAR"][:-1]
    assert reason(lamost_files.table(data=data)) == "malformed"


def test_a_table_of_two_rows() -> None:
    hdus = lamost_files.table()
    hdus[1] = fits.BinTableHDU(np.repeat(hdus[1].data, 2), name="COADD")
    assert reason(hdus) == "malformed"


def test_an_image_that_is_not_lamosts() -> None:
    assert reason(lamost_files.image(TELESCOP="OTHER")) == "unknown_format"


def test_truncated_image() -> None:
    with pytest.raises(BadFile) as error:
        read_spectra(Source("any name", to_bytes(lamost_files.image())[:40_000]))
    assert error.value.reason == "truncated"


def test_compressed_file() -> None:
    content = to_bytes(lamost_files.image())
    _, (row,) = read_spectra(Source("a.fits.gz", unpacked(gzip.compress(content))))
    np.testing.assert_array_equal(row["flux"], read(lamost_files.image())["flux"])


@pytest.mark.skipif("GALSPEC_REAL_FORMATS" not in os.environ, reason="needs GALSPEC_REAL_FORMATS")
@pytest.mark.parametrize(
    "name",
    [
        "spec-55859-F5902_sp01-001_dr7.fits.gz",
        "spec-55859-F5902_sp01-013_dr8.fits.gz",
        "spec-55862-B6212_sp06-003.fits",
        "spec-58397-EG014118N254444M01_sp03-031.fits",
    ],
)
def test_real_files(name: str) -> None:
    assert_equals_astropy((Path(os.environ["GALSPEC_REAL_FORMATS"]) / name).read_bytes())
