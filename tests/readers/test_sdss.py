"""The reader of spec files against astropy."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.layout import parse_layout
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.lines import LINES
from tests import oracle, spec_files


def to_bytes(hdus: fits.HDUList) -> bytes:
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def content() -> bytes:
    return to_bytes(spec_files.hdus(seed=3, SUBCLASS="AGN BROADLINE"))


def reason(content: bytes) -> str:
    with pytest.raises(BadFile) as error:
        read_spectra(Source("spec.fits", content))
    assert error.value.message
    return error.value.reason


def assert_equals_astropy(content: bytes) -> None:
    """Compare every value that the reader gives with astropy's."""
    name, rows = read_spectra(Source("spec.fits", content))
    assert name == "sdss-spec"
    oracle.assert_equal(rows, oracle.spectra(name, content))


def test_values_equal_astropys(content: bytes) -> None:
    assert_equals_astropy(content)


def test_scaled_columns_go_through_astropy() -> None:
    """BOSS stores SPECOBJID, and others may store what we read, with TZERO or TSCAL."""
    hdus = spec_files.hdus()
    hdus[1].columns["flux"].bscale = 0.5
    unsigned = fits.Column("SPECOBJID", "K", bzero=2**63, array=np.array([2**63 + 5], np.uint64))
    hdus[2] = fits.BinTableHDU.from_columns(hdus[2].columns + unsigned, name="SPALL")
    assert_equals_astropy(to_bytes(hdus))


def test_lines_are_known_by_their_columns(content: bytes) -> None:
    renamed = content.replace(b"EXTNAME = 'SPZLINE ", b"EXTNAME = 'SPZLINF ")
    assert renamed != content
    assert_equals_astropy(renamed)


@pytest.mark.parametrize(
    ("card", "wrong"),
    [
        (b"TFORM1  = 'E  ", b"TFORM1  = 'J  "),  # flux as whole numbers
        (b"TFORM4  = 'J  ", b"TFORM4  = 'E  "),  # and_mask as floats
        (b"TFORM4  = '24A", b"TFORM4  = '3D "),  # run2d as numbers
        (b"TFORM3  = 'E  ", b"TFORM3  = 'J  "),  # ivar, or a measure of the lines
        (b"TTYPE2  = 'loglam", b"TTYPE2  = 'logla "),
        (b"AGN BROADLINE", b"AGN BROADLIN\xc5"),
    ],
)
def test_columns_of_another_type_or_name(content: bytes, card: bytes, wrong: bytes) -> None:
    assert card in content
    assert reason(content.replace(card, wrong)) in ("malformed", "unknown_format")


def test_a_line_that_was_not_measured_is_nan(content: bytes) -> None:
    _, (row,) = read_spectra(Source("spec.fits", content))
    assert np.isnan(row[f"{LINES[0].name}_area"])
    assert row[f"{LINES[1].name}_area"] == 2


def test_object_identifier_of_sdss_and_boss() -> None:
    def object_id(**identity: object) -> str | None:
        return read_spectra(Source("spec.fits", to_bytes(spec_files.hdus(**identity))))[1][0][
            "object_id"
        ]

    assert object_id(BESTOBJID="1237") == "bestobjid-1237"
    assert object_id(BESTOBJID="") is None
    boss = spec_files.hdus(THING_ID=77)
    boss[2].columns.del_col("BESTOBJID")
    _, (row,) = read_spectra(Source("spec.fits", to_bytes(boss)))
    assert row["object_id"] == "thing-77"


def test_headers_are_parsed_once(content: bytes) -> None:
    read_spectra(Source("spec.fits", content))
    before = parse_layout.cache_info()
    read_spectra(Source("spec.fits", content))
    after = parse_layout.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits


def test_broken_files_have_a_reason(content: bytes) -> None:
    assert reason(b"") == "empty"
    assert reason(b"plate,mjd,fiber\n" * 500) == "not_fits"
    assert reason(content[:1000]) == "truncated"
    assert reason(content[: len(content) // 2]) == "truncated"
    assert reason(content.replace(b"TFORM1  = 'E       '", b"TFORM1  = '?       '")) == "malformed"
    assert reason(content.replace(b"NAXIS2  = ", b"NAXIS2  =x")) == "malformed"
    assert reason(to_bytes(fits.HDUList([fits.PrimaryHDU(np.zeros((5, 100)))]))) == "unknown_format"
    no_class = spec_files.hdus()
    no_class[2].columns.del_col("CLASS")
    assert reason(to_bytes(no_class)) == "malformed"
    uneven = spec_files.arrays()
    uneven["loglam"][2000:] += 5e-5
    assert reason(to_bytes(spec_files.hdus(coadd=uneven))) == "irregular_grid"


def test_any_truncation_is_noticed(content: bytes) -> None:
    """No cut leaves a file that is read as if it were whole, but one that loses only padding."""
    with fits.open(io.BytesIO(content)) as hdus:
        info = hdus[3].fileinfo()
        end = info["datLoc"] + hdus[3].header["NAXIS1"] * hdus[3].header["NAXIS2"]
    for length in np.random.default_rng(0).integers(0, end, 60):
        with pytest.raises(BadFile):
            read_spectra(Source("spec.fits", content[:length]))


def test_real_files_equal_astropys(real_spectra: Path) -> None:
    files = sorted(real_spectra.rglob("*.fits"))
    assert files
    for file in files[::13]:
        assert_equals_astropy(file.read_bytes())


REAL_SPEC_FILES = [
    "spec-0349-51699-0465.fits",  # SDSS-I/II
    "spec-0274-51913-0226.fits",
    "spec-0298-51955-0204.fits",
    "spec-0274-51913-0081.fits",
    "spec-2887-54495-0411.fits",  # another reduction
    "spec-0468-51912-0523.fits",  # the fewest pixels
    "spec-3587-55182-0148.fits",  # BOSS
    "spec-7102-56666-0177.fits",
    "spec-10000-57346-0003.fits",  # a plate of five digits
    "spec-10247-58162-0218.fits",  # eBOSS
    "spec-4193-55476-0219.fits",  # full: exposures follow
    "spec-1106-52912-0129.fits",
    "spec-7338-57859-0739.fits",
    "spec-0266-51602-0001.fits",
    "NGC3073_SDSS_DR18.fits",  # another name
    "spec-1942-53415-0005.fits",  # a sky fibre
    "spec-7102-56666-0135.fits",  # a star
]


@pytest.mark.parametrize("name", REAL_SPEC_FILES)
def test_every_column_of_a_real_file_equals_astropys(name: str, real_formats: Path) -> None:
    assert_equals_astropy((real_formats / name).read_bytes())


def test_a_rewritten_file_without_its_catalogue_is_rejected(real_formats: Path) -> None:
    content = (real_formats / "scaled_spec-0907-52373-0419.fits").read_bytes()
    assert reason(content) == "unknown_format"
