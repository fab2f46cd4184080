"""Files of known kinds that are not read: rejected with their name."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from tests import desi_files, plate_files


def rejection(content: fits.HDUList | bytes) -> tuple[str, str]:
    if isinstance(content, fits.HDUList):
        buffer = io.BytesIO()
        content.writeto(buffer)
        content = buffer.getvalue()
    with pytest.raises(BadFile) as error:
        read_spectra(Source("any name", content))
    return error.value.reason, error.value.message


def rows(name: str) -> fits.BinTableHDU:
    return desi_files.table(name, {"FLUX": np.zeros(3), "LOGLAM": np.zeros(3)})


@pytest.mark.parametrize(
    "names", [["COADD_B", "COADD_R", "B-84107311"], ["COADD_R"], ["B-84107311", "R-84107311"]]
)
def test_lamost_medium_resolution(names: list[str]) -> None:
    hdus = fits.HDUList([fits.PrimaryHDU(), *(rows(name) for name in names)])
    reason, message = rejection(hdus)
    assert reason == "unsupported"
    assert "LAMOST medium-resolution" in message


def sixdf(**cards: object) -> fits.HDUList:
    values = {"TARGET": "g1", "OBSRA": 3.5, "OBSDEC": -6.2, "Z_HELIO": 0.02, "QUALITY": 4}
    header = fits.Header(list((values | cards).items()))
    return fits.HDUList([fits.PrimaryHDU(np.zeros((4, 20), "f4"), header)])


def test_6dfgs() -> None:
    reason, message = rejection(sixdf())
    assert reason == "unsupported"
    assert "6dFGS" in message
    without = sixdf()
    del without[0].header["Z_HELIO"]
    assert rejection(without)[0] == "unknown_format"


def test_manga() -> None:
    cube = fits.ImageHDU(np.zeros((3, 2, 2), "f4"), name="FLUX")
    primary = fits.PrimaryHDU(header=fits.Header([("MANGAID", "1-209232")]))
    reason, message = rejection(fits.HDUList([primary, cube]))
    assert reason == "unsupported"
    assert "MaNGA" in message


@pytest.mark.parametrize("plate", [15143, None])
def test_a_field_of_sdss_v(plate: int | None) -> None:
    """On a plate, as in DR18, or not: a row is of a target, whose exposures had several fibres."""
    hdus = plate_files.plate(PLATEID=plate, FIELDID=15143)
    reason, message = rejection(hdus)
    assert reason == "unsupported"
    assert "SDSS-V field" in message


def test_desi_before_coaddition() -> None:
    columns = desi_files.fibermap(COADD_NUMEXP=None, EXPID=np.arange(4))
    reason, message = rejection(desi_files.coadd(columns=columns))
    assert reason == "unsupported"
    assert "DESI spectra of single exposures" in message
    names = ("IVAR", "MASK", "WAVELENGTH")
    primary = fits.PrimaryHDU(np.zeros((2, 9), "f4"), fits.Header([("EXTNAME", "FLUX")]))
    images = [fits.ImageHDU(np.zeros((2, 9), "f4"), name=name) for name in names]
    reason, message = rejection(fits.HDUList([primary, *images]))
    assert reason == "unsupported"
    assert "DESI frame" in message


def test_anything_else_is_unknown() -> None:
    assert rejection(fits.HDUList([fits.PrimaryHDU(np.zeros((4, 20)))]))[0] == "unknown_format"
    assert rejection(fits.HDUList([fits.PrimaryHDU()]))[0] == "unknown_format"


@pytest.mark.skipif("GALSPEC_REAL_FORMATS" not in os.environ, reason="needs GALSPEC_REAL_FORMATS")
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("med-58408-TD230151N343645T01_sp01-015.fits", "LAMOST medium-resolution"),
        ("g2336425-624856.ir.fits", "6dFGS"),
    ],
)
def test_real_files(name: str, what: str) -> None:
    reason, message = rejection((Path(os.environ["GALSPEC_REAL_FORMATS"]) / name).read_bytes())
    assert reason == "unsupported"
    assert what in message
