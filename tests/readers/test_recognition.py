"""A file is known by what its values need: names and cards that nothing needs may be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from tests import desi_files, lamost_files, oracle, plate_files, spec_files, spspec_files
from tests.plate_files import to_bytes

FIBERS = np.arange(1, plate_files.FIBERS + 1)
ZBEST, ZLINE = "spZbest-0266-51630.fits", "spZline-0266-51630.fits"
#: What a fibermap keeps where someone has cut it down to identity and position.
TRIMMED = {"COADD_NUMEXP": None, "FIBER": None}


def read(hdus: fits.HDUList, **beside: fits.HDUList) -> tuple[str, list[dict[str, Any]]]:
    """Read a file; compare it with astropy where it has spectra."""
    files = {name: to_bytes(other) for name, other in beside.items()}
    content = to_bytes(hdus)
    name, rows = read_spectra(Source("coadd-a.fits", content, files.get))
    oracle.assert_equal(rows, oracle.spectra(name, content, "coadd-a.fits", files))
    return name, rows


def without(hdus: fits.HDUList, *cards: str) -> fits.HDUList:
    """Remove cards from all units of a file."""
    for hdu in hdus:
        for card in cards:
            hdu.header.remove(card, ignore_missing=True)
    return hdus


def renamed(hdus: fits.HDUList, name: str | None) -> fits.HDUList:
    """Give the first extension another name, or none."""
    del hdus[1].header["EXTNAME"]
    if name:
        hdus[1].header["EXTNAME"] = name
    return hdus


def spspec(**cards: Any) -> fits.HDUList:
    return fits.HDUList.fromstring(spspec_files.spspec(**cards))


READ: dict[str, Callable[[], tuple[str, list[dict[str, Any]]]]] = {
    "sdss-spec": lambda: read(without(spec_files.hdus(), "EXTNAME")),
    "sdss-plate": lambda: read(
        without(plate_files.plate(), "EXTNAME"),
        **{ZBEST: without(plate_files.spzbest(FIBERS), "PLATEID")},
        **{ZLINE: without(plate_files.spzline(FIBERS), "PLATEID")},
    ),
    "sdss-spzbest": lambda: read(without(plate_files.spzbest(FIBERS), "PLATEID")),
    "sdss-spzline": lambda: read(without(plate_files.spzline(FIBERS), "PLATEID")),
    "sdss-spspec": lambda: read(without(spspec(), "EXTNAME")),
    "lamost-lrs": lambda: read(without(lamost_files.table(), "EXTNAME", "TELESCOP")),
    "lamost-lrs image": lambda: read(lamost_files.image(TELESCOP=None)),
    "lamost-lrs DR2": lambda: read(lamost_files.image(FIBERID="126     ", SPID="1")),
    "desi-coadd": lambda: read(
        renamed(desi_files.coadd(), None),
        **{"redrock-a.fits": without(desi_files.redrock(), "EXTNAME")},
    ),
    "desi-coadd COADD_FIBERMAP": lambda: read(renamed(desi_files.coadd(), "COADD_FIBERMAP")),
    "desi-coadd trimmed": lambda: read(
        desi_files.coadd(columns=desi_files.fibermap(**TRIMMED)),
        **{"redrock-a.fits": desi_files.redrock()},
    ),
    "desi-redrock": lambda: read(without(desi_files.redrock(), "EXTNAME")),
}


@pytest.mark.parametrize("case", READ)
def test_what_no_value_needs_may_be_missing(case: str) -> None:
    name, rows = READ[case]()
    assert name == case.partition(" ")[0]
    if name in ("sdss-plate", "desi-coadd") and case != "desi-coadd COADD_FIBERMAP":
        assert rows[0]["class"] == "GALAXY"
    if name == "sdss-spec":
        assert rows[0]["h_alpha_area"] is not None


def spec_without(unit: int, column: str) -> fits.HDUList:
    hdus = without(spec_files.hdus(), "EXTNAME")
    hdus[unit].columns.del_col(column)
    return hdus


MISSING = {
    "COADD has no column AND_MASK": lambda: spec_without(1, "and_mask"),
    "SPECOBJ has no column CLASS": lambda: spec_without(2, "CLASS"),
    "the table of lines lacks a column": lambda: spec_without(3, "LINEEW"),
    "the header has no number COEFF1": lambda: spspec(COEFF1=None),
    "the header has no whole number MJD": lambda: spspec(MJD=None),
    "FIBERMAP has no column OBJTYPE": lambda: desi_files.coadd(
        columns=desi_files.fibermap(OBJTYPE=None, **TRIMMED)
    ),
    "card FIBERID is not a count": lambda: lamost_files.image(FIBERID="12.5"),
    "the header has no number RA": lambda: lamost_files.image(RA="22h"),
    "the coadd has no unit of flux": lambda: without(desi_files.coadd(), "EXTNAME"),
    "it is not of one plate": lambda: _lines_of_two_plates(),
}


def _lines_of_two_plates() -> fits.HDUList:
    hdus = plate_files.spzline(FIBERS)
    hdus[1].data["MJD"][3] += 1
    return hdus


@pytest.mark.parametrize("message", MISSING)
def test_what_a_value_needs_is_named_where_it_is_missing(message: str) -> None:
    with pytest.raises(BadFile, match=message) as error:
        read_spectra(Source("file.fits", to_bytes(MISSING[message]())))
    assert error.value.reason == "malformed"


def test_single_exposures_are_known_by_their_exposures() -> None:
    """Each row is of one exposure; without that column, a target twice tells."""
    exposures = desi_files.fibermap(EXPID=np.arange(4), **TRIMMED)
    with pytest.raises(BadFile, match="single exposures"):
        read_spectra(Source("file.fits", to_bytes(desi_files.coadd(columns=exposures))))


@pytest.mark.parametrize(
    "hdus",
    [
        renamed(desi_files.redrock(), "ZCATALOG"),
        renamed(desi_files.coadd(), "TARGETS"),
        lamost_files.image(TELESCOP=None, PLANID=None),
        fits.HDUList(spec_files.hdus()[:2]),
    ],
    ids=["catalogue of many coadds", "targets", "image of five rows", "spectrum alone"],
)
def test_what_is_of_no_known_kind_stays_so(hdus: fits.HDUList) -> None:
    with pytest.raises(BadFile, match="of no known kind"):
        read_spectra(Source("file.fits", to_bytes(hdus)))
