"""The reader of DESI coadds and their redshifts against astropy and a dense matrix."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import desi_arms, read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from tests import desi_files, oracle
from tests.desi_files import TARGETS, to_bytes

NAME = "coadd-sv3-bright-12345.fits"
NAMED = {"SURVEY": "sv3", "PROGRAM": "bright", "HPXPIXEL": 12345}


class OnDemand:
    """Content that reads slices on demand and counts the bytes."""

    def __init__(self, content: bytes) -> None:
        self._content, self.read = content, 0

    def __len__(self) -> int:
        return len(self._content)

    def __getitem__(self, key: slice) -> bytes:
        piece = self._content[key]
        self.read += len(piece)
        return piece


def read(
    hdus: fits.HDUList | bytes, name: str = NAME, **beside: fits.HDUList | bytes
) -> list[dict[str, Any]]:
    """Read a coadd; `beside` are other files of its folder, by what their names begin with."""
    files = {
        f"{prefix}{name.removeprefix('coadd')}": to_bytes(other)
        if isinstance(other, fits.HDUList)
        else other
        for prefix, other in beside.items()
    }
    content = to_bytes(hdus) if isinstance(hdus, fits.HDUList) else hdus
    kind, rows = read_spectra(Source(f"folder/{name}", content, files.get))
    assert kind == "desi-coadd"
    return rows


def reason(hdus: fits.HDUList, **beside: fits.HDUList) -> str:
    with pytest.raises(BadFile) as error:
        read(hdus, **beside)
    assert error.value.message
    return error.value.reason


def assert_spectra(rows: list[dict[str, Any]], arms: dict[str, dict[str, np.ndarray]]) -> None:
    names = ("loglam", "flux", "ivar")
    for i, row in enumerate(rows):
        theirs = dict(zip(names, oracle.desi_spectrum(arms, i), strict=True))
        ours = {name: row[name] for name in ("loglam0", "flux", "ivar")}
        oracle.assert_equal([ours], [theirs])


def test_arms_are_merged_and_rebinned() -> None:
    arms = desi_files.spectra()
    rows = read(desi_files.coadd(arms))
    assert len(rows) == len(TARGETS)
    assert_spectra(rows, arms)
    end = rows[0]["loglam0"] + 1e-4 * (len(rows[0]["flux"]) - 1)
    right = 3600 + 0.8 * 770.5  # edge of the last pixel of the Z arm
    assert right / 10**1e-4 < 10**end <= right


def test_identity() -> None:
    rows = read(desi_files.coadd(**NAMED, DEPNAM05="SPECPROD", DEPVER05="fuji", DEPVER04="other"))
    first = {name: value for name, value in rows[0].items() if name not in ("flux", "ivar")}
    assert first == {
        "survey": "desi",
        "key": "sv3-bright-12345-39633345008634465",
        "field": "sv3-bright-12345",
        "target_id": 39633345008634465,
        "fiber": 2000,
        "mjd": None,
        "run2d": "fuji",
        "object_id": "desi-39633345008634465",
        "source_type": "TGT",
        "ra": 150.0,
        "dec": 2.5,
        "loglam0": 3.5563,
        "simulated": False,
    }
    assert [row["target_id"] for row in rows] == TARGETS.tolist()
    assert [row["source_type"] for row in rows] == ["TGT", "SKY", "TGT", "NON"]
    assert [row["object_id"] for row in rows][1::2] == [None, None]


def test_field_by_header_else_by_name() -> None:
    tile = {"TILEID": 80613, "PETAL": 4, "SPGRP": "cumulative", "SPGRPVAL": 20210324}
    assert read(desi_files.coadd(**tile))[0]["field"] == "80613-4-cumulative-20210324"
    assert read(desi_files.coadd(**NAMED), name="any")[0]["field"] == "sv3-bright-12345"
    del tile["SPGRPVAL"]
    assert read(desi_files.coadd(**tile))[0]["field"] == "sv3-bright-12345"


def test_day_only_where_all_exposures_are_of_one() -> None:
    days = {
        "MIN_MJD": np.array([59000.2, 59000.2, 59001.0, np.nan]),
        "MAX_MJD": np.array([59000.9, 59001.2, 59001.0, np.nan]),
    }
    rows = read(desi_files.coadd(columns=desi_files.fibermap(**days)))
    assert [row["mjd"] for row in rows] == [59000, None, 59001, None]


def test_healpix_coadds_have_no_fiber() -> None:
    rows = read(desi_files.coadd(columns=desi_files.fibermap(FIBER=None)))
    assert rows[0]["fiber"] is None


@pytest.mark.parametrize(("prefix", "unit"), [("redrock", "REDSHIFTS"), ("zbest", "ZBEST")])
def test_redshifts_by_target(prefix: str, unit: str) -> None:
    catalogue = desi_files.redrock(TARGETS[[2, 0, 3, 1]], unit)  # galaxy, star, quasar, galaxy
    rows = read(desi_files.coadd(), **{prefix: catalogue})
    assert [row["z"] for row in rows] == [0.1, 0.3, 0.0, 0.2]
    assert [row["class"] for row in rows] == ["STAR", "GALAXY", "GALAXY", "QSO"]
    assert [row["subclass"] for row in rows] == ["M", None, None, None]
    assert [row["zwarning"] for row in rows] == [516, 1548, 0, 1032]
    assert {row["z_err"] for row in rows} == {1e-5}


def test_a_target_that_the_catalogue_lacks_is_not_classified() -> None:
    rows = read(desi_files.coadd(), redrock=desi_files.redrock(TARGETS[1:]))
    assert "class" not in rows[0]
    assert rows[1]["class"] == "GALAXY"


def test_without_a_catalogue() -> None:
    for row in read(desi_files.coadd()):
        assert not {"class", "subclass", "z", "z_err", "zwarning", "and_mask", "or_mask"} & set(row)


def test_a_damaged_catalogue_is_named() -> None:
    catalogue = to_bytes(desi_files.redrock())[:5900]
    with pytest.raises(BadFile, match=r"redrock-sv3-bright-12345\.fits beside it") as error:
        read(desi_files.coadd(), redrock=catalogue)
    assert error.value.reason == "truncated"
    twice = desi_files.redrock(TARGETS[[0, 1, 2, 0]])
    assert reason(desi_files.coadd(), redrock=twice) == "malformed"
    negative = desi_files.redrock(ZWARN=np.array([0, -1, 0, 0]))
    assert reason(desi_files.coadd(), redrock=negative) == "malformed"
    assert reason(desi_files.coadd(), redrock=desi_files.coadd()) == "malformed"


def test_the_catalogue_alone_has_no_rows() -> None:
    content = to_bytes(desi_files.redrock())
    assert read_spectra(Source("a", content)) == ("desi-redrock", [])
    with pytest.raises(BadFile):
        read_spectra(Source("a", to_bytes(desi_files.redrock(TARGETS[[0, 0]]))))


def test_a_merged_arm_alone() -> None:
    pixels = 771
    shape = (len(TARGETS), pixels)
    random = np.random.default_rng(1)
    arm = {
        "WAVELENGTH": 3600 + 0.8 * np.arange(pixels),
        "FLUX": random.normal(size=shape).astype("f4"),
        "IVAR": random.uniform(0.5, 2, shape).astype("f4"),
    }
    assert_spectra(read(desi_files.coadd({"BRZ": arm})), {"BRZ": arm})


def test_compressed_and_scaled_masks() -> None:
    arms = desi_files.spectra()
    assert_spectra(read(desi_files.coadd(arms, compress=True)), arms)
    unsigned = {n: {**arm, "MASK": arm["MASK"].astype("u4")} for n, arm in arms.items()}
    assert_spectra(read(desi_files.coadd(unsigned)), arms)


def test_many_targets_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desi_arms, "BATCH", 3)
    arms = desi_files.spectra(targets=7)
    columns = desi_files.fibermap(np.arange(7) + 1)
    rows = read(desi_files.coadd(arms, columns))
    assert len(rows) == 7
    assert_spectra(rows, arms)


def test_content_on_demand_is_not_read_whole() -> None:
    arms = desi_files.spectra()
    hdus = desi_files.coadd(arms)
    hdus["R_RESOLUTION"].data = np.zeros((100, 11, 2000), "f4")
    content = OnDemand(to_bytes(hdus))
    assert_spectra(read(content), arms)
    assert content.read < len(content) - 8_000_000


def test_no_targets() -> None:
    empty = np.array([], np.int64)
    hdus = desi_files.coadd(desi_files.spectra(0), desi_files.fibermap(empty))
    assert reason(hdus) == "malformed"


@pytest.mark.parametrize("name", ["TARGETID", "TARGET_RA", "TARGET_DEC", "OBJTYPE"])
def test_a_column_that_must_be_there(name: str) -> None:
    expected = "unknown_format" if name == "TARGETID" else "malformed"
    assert reason(desi_files.coadd(columns=desi_files.fibermap(**{name: None}))) == expected


def test_a_target_twice() -> None:
    columns = desi_files.fibermap(TARGETS[[0, 1, 2, 0]])
    assert reason(desi_files.coadd(columns=columns)) == "malformed"


@pytest.mark.parametrize("kind", ["WAVELENGTH", "FLUX", "IVAR", "MASK"])
def test_images_of_another_shape(kind: str) -> None:
    arms = desi_files.spectra()
    arms["R"][kind] = arms["R"][kind][..., :-1]
    assert reason(desi_files.coadd(arms)) == "malformed"


@pytest.mark.parametrize("kind", ["FLUX", "IVAR", "MASK"])
def test_images_that_are_missing(kind: str) -> None:
    """A mask is missing where other arms have one."""
    arms = desi_files.spectra()
    del arms["Z"][kind]
    assert reason(desi_files.coadd(arms)) == "malformed"


@pytest.mark.parametrize("number", range(1, 18))
def test_a_header_without_its_end(number: int) -> None:
    """It would go on to the END card of the next header, and its data with it."""
    content = bytearray(to_bytes(desi_files.coadd()))
    ends = [i for i in range(0, len(content), 80) if content[i : i + 80] == b"END".ljust(80)]
    content[ends[number - 1]] ^= 1
    with pytest.raises(BadFile):
        read(bytes(content))


def test_a_unit_twice() -> None:
    hdus = desi_files.coadd()
    hdus.append(fits.ImageHDU(np.zeros_like(hdus["B_FLUX"].data), name="B_FLUX"))
    assert reason(hdus) == "malformed"


@pytest.mark.parametrize(
    ("part", "kind"), [("FLUX", "i4"), ("IVAR", "i4"), ("MASK", "f4"), ("WAVELENGTH", "i8")]
)
def test_images_of_another_type(part: str, kind: str) -> None:
    arms = desi_files.spectra()
    arms["R"][part] = arms["R"][part].astype(kind)
    assert reason(desi_files.coadd(arms)) == "malformed"


def test_targets_of_another_type() -> None:
    """They would match none of the coadd, and leave all unclassified."""
    floats = to_bytes(desi_files.redrock()).replace(b"TFORM1  = 'K", b"TFORM1  = 'D", 1)
    with pytest.raises(BadFile, match="TARGETID"):
        read(desi_files.coadd(), redrock=floats)


def test_no_arms() -> None:
    assert reason(desi_files.coadd({"B": {}})) == "malformed"


def test_wavelengths_that_are_missing() -> None:
    """An arm whose wavelengths have lost their name must not be lost itself."""
    arms = desi_files.spectra()
    del arms["Z"]["WAVELENGTH"]
    assert reason(desi_files.coadd(arms)) == "malformed"


@pytest.mark.parametrize("shift", [0.4, 0.1, 1e5, np.nan, -1e4])
def test_arms_must_have_one_grid(shift: float) -> None:
    arms = desi_files.spectra()
    arms["R"]["WAVELENGTH"] += shift
    assert reason(desi_files.coadd(arms)) == "irregular_grid"


def test_steps_must_be_equal() -> None:
    arms = desi_files.spectra()
    arms["Z"]["WAVELENGTH"][100] += 0.8
    assert reason(desi_files.coadd(arms)) == "irregular_grid"


@pytest.mark.skipif("GALSPEC_REAL_FORMATS" not in os.environ, reason="needs GALSPEC_REAL_FORMATS")
def test_real_coadd() -> None:
    folder = Path(os.environ["GALSPEC_REAL_FORMATS"])
    name = "coadd-4-80613-thru20210324.fits"
    files = {path.name: path.read_bytes() for path in folder.glob("*-thru20210324.fits")}
    kind, rows = read_spectra(Source(name, files[name], files.get))
    assert kind == "desi-coadd"
    oracle.assert_equal(rows, oracle.spectra(kind, files[name], name, files))
    assert rows[0]["subclass"] is None
    assert rows[0]["run2d"] == "iron"
    assert rows[0]["key"] == "80613-4-cumulative-20210324-39633345008634465"
