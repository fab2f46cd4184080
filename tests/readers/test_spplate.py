"""The reader of plates and of the catalogues beside them, against astropy."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from galspec_spark.readers import read_spectra
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.source import Source
from tests import oracle, plate_files
from tests.plate_files import FIBERS, to_bytes

NAME = "spPlate-0266-51630.fits"
ZBEST, ZLINE = "spZbest-0266-51630.fits", "spZline-0266-51630.fits"
IN_ORDER = np.arange(1, FIBERS + 1)
SHUFFLED = np.random.default_rng(1).permutation(IN_ORDER)


class Slices:
    """A file whose bytes are read on demand; counts those of the largest read."""

    def __init__(self, content: bytes) -> None:
        self.content, self.largest = content, 0

    def __len__(self) -> int:
        return len(self.content)

    def __getitem__(self, key: slice) -> bytes:
        piece = self.content[key]
        self.largest = max(self.largest, len(piece))
        return piece


def rows_of(plate: fits.HDUList | bytes, **beside: fits.HDUList | bytes) -> list[dict[str, Any]]:
    """Read a plate; keywords are the files beside it, ``spZbest`` and ``spZline``."""
    names = {"spZbest": ZBEST, "spZline": ZLINE}
    files = {names[kind]: content for kind, content in beside.items()}
    return read(plate, files)


def read(plate: fits.HDUList | bytes, files: dict[str, fits.HDUList | bytes]) -> list[dict]:
    """Read a plate with files beside it, by name; all must be as astropy reads it."""
    content, contents = as_bytes(plate), {name: as_bytes(of) for name, of in files.items()}
    name, rows = read_spectra(Source(NAME, content, contents.get))
    assert name == "sdss-plate"
    oracle.assert_equal(rows, oracle.spectra(name, content, NAME, contents))
    return rows


def as_bytes(file: fits.HDUList | bytes) -> bytes:
    return file if isinstance(file, bytes) else to_bytes(file)


def error_of(read_it: Callable[[], object]) -> BadFile:
    with pytest.raises(BadFile) as caught:
        read_it()
    return caught.value


def test_a_plate_with_its_catalogues_equals_astropy() -> None:
    plate, zline = (
        to_bytes(plate_files.plate(RUN2D="v5_7_0")),
        to_bytes(plate_files.spzline(IN_ORDER)),
    )
    zbest = to_bytes(plate_files.spzbest(IN_ORDER))
    rows = rows_of(plate, spZbest=zbest, spZline=zline)
    assert [row["key"] for row in rows[:2]] == ["0266-51630-0001", "0266-51630-0002"]
    assert {row["run2d"] for row in rows} == {"v5_7_0"}
    assert {row["object_id"] for row in rows} == {None}


def test_fibres_are_matched_by_number_not_by_order() -> None:
    zbest = to_bytes(plate_files.spzbest(SHUFFLED))
    zline = to_bytes(plate_files.spzline(SHUFFLED))
    rows = rows_of(plate_files.plate(), spZbest=zbest, spZline=zline)
    assert [row["z"] for row in rows] == pytest.approx(IN_ORDER / 100)


def test_the_early_pipeline_has_one_sn_median_and_no_run2d() -> None:
    zbest = to_bytes(plate_files.spzbest(IN_ORDER, boss=False))
    rows = rows_of(plate_files.plate(), spZbest=zbest)
    assert [row["sn_median"] for row in rows] == pytest.approx(IN_ORDER / 7)
    assert {row["run2d"] for row in rows} == {None}


def test_a_plate_alone_is_unclassified() -> None:
    rows = rows_of(plate_files.plate())
    for column in ("class", "subclass", "z", "z_err", "zwarning", "sn_median", "h_alpha_area"):
        assert {row.get(column) for row in rows} == {None}


def test_a_fibre_without_a_class_is_unclassified_the_others_are_not() -> None:
    rows = rows_of(plate_files.plate(), spZbest=plate_files.spzbest(IN_ORDER[1:]))
    assert [row.get("class") is None for row in rows] == [True] + [False] * (FIBERS - 1)


@pytest.mark.parametrize("folder", ["v5_7_0/", "v5_7_2/"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_catalogues_in_the_folder_of_the_run(folder: str, suffix: str) -> None:
    plate = plate_files.plate(RUN2D="v5_7_0", RUN1D="v5_7_2")
    files = {folder + ZBEST + suffix: plate_files.spzbest(SHUFFLED)}
    rows = read(plate, {**files, folder + ZLINE + suffix: plate_files.spzline(SHUFFLED)})
    assert {row["class"] for row in rows} == {"GALAXY", "QSO", "STAR"}
    assert all("h_alpha_area" in row for row in rows)


def test_a_run_that_leads_elsewhere_is_not_followed() -> None:
    asked = []

    def beside(name: str) -> None:
        asked.append(name)

    plate = to_bytes(plate_files.plate(RUN2D="../other", RUN1D="a/b"))
    read_spectra(Source(NAME, plate, beside))
    assert asked
    assert not [name for name in asked if "/" in name]


def test_more_fibres_than_a_chunk() -> None:
    assert len(rows_of(plate_files.plate(fibers=150))) == 150


def test_content_on_demand_is_read_in_pieces() -> None:
    plate = to_bytes(plate_files.plate(fibers=150))
    zbest = to_bytes(plate_files.spzbest(SHUFFLED))
    content = Slices(plate)
    kind, rows = read_spectra(Source(NAME, content, {ZBEST: Slices(zbest)}.get))
    oracle.assert_equal(rows, oracle.spectra(kind, plate, NAME, {ZBEST: zbest}))
    assert rows[0]["class"] is not None
    assert content.largest < 150 * plate_files.PIXELS * 4  # never a whole image


def test_scaled_images_go_through_astropy() -> None:
    hdus = plate_files.plate()
    hdus[2] = fits.ImageHDU(hdus[2].data.astype("u4"), name="ANDMASK")  # written with BZERO
    plate = to_bytes(hdus)
    assert b"BZERO" in plate
    assert len(rows_of(plate)) == FIBERS


def test_rows_do_not_keep_the_file_in_memory() -> None:
    content = to_bytes(plate_files.plate())
    for row in rows_of(content):
        for name in ("flux", "ivar", "and_mask", "or_mask"):
            base = row[name]
            while isinstance(base, np.ndarray) and base.base is not None:
                base = base.base
            assert base is not content


def test_a_fibre_that_was_not_plugged_has_no_position() -> None:
    hdus = plate_files.plate()
    hdus[5].data["FIBERID"][2] = 0
    hdus[5].data["OBJTYPE"][2] = ""
    row = rows_of(hdus, spZbest=plate_files.spzbest(IN_ORDER))[2]
    assert (row["key"], row["ra"], row["source_type"]) == ("0266-51630-0003", None, None)
    assert row["zwarning"] == 3


def test_any_truncation_is_noticed() -> None:
    plate = to_bytes(plate_files.plate())
    with fits.open(io.BytesIO(plate)) as hdus:
        info = hdus[6].fileinfo()
        end_of_sky = info["datLoc"] + hdus[6].data.nbytes
        ends = [hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus[:6]]
    cuts = [int(cut) for cut in np.random.default_rng(0).integers(1, end_of_sky, 40)]
    for cut in cuts + ends:
        assert error_of(lambda cut=cut: rows_of(plate[:cut])).reason in ("truncated", "not_fits")


def test_a_plate_without_its_units_names_them() -> None:
    error = error_of(lambda: rows_of(fits.HDUList(plate_files.plate()[:3])))
    assert error.reason == "truncated"
    assert "missing: ormask, wavelength dispersion, plugmap, sky" in error.message


def malformed_plates() -> dict[str, tuple[fits.HDUList, str]]:
    """Return plates by what is wrong with them, and a part of the message."""
    found = {name: plate_files.plate() for name in ("ivar", "ormask", "mask", "table", "plugmap")}
    found["ivar"][1].data = found["ivar"][1].data[:, :-1]
    found["ormask"][3].data = found["ormask"][3].data[:-1]
    found["mask"][2] = fits.ImageHDU(found["mask"][2].data.astype("f4"))
    found["table"][1] = found["table"][5]
    found["plugmap"][5] = fits.BinTableHDU(found["plugmap"][5].data[:-1])
    twice, nameless, image = (plate_files.plate() for _ in range(3))
    twice[5].data["FIBERID"][2] = 5
    nameless[5].columns.del_col("RA")
    image[5] = image[6]
    return {
        "ivar of another width": (found["ivar"], "ivar"),
        "ormask of another height": (found["ormask"], "ormask"),
        "andmask of floats": (found["mask"], "and_mask"),
        "table for ivar": (found["table"], "ivar"),
        "plugmap of another height": (found["plugmap"], "plugmap"),
        "plugmap without RA": (nameless, "plugmap"),
        "image for plugmap": (image, "plugmap"),
        "fibre twice": (twice, "twice"),
        "no MJD": (plate_files.plate(MJD=None), "MJD"),
        "MJD is text": (plate_files.plate(MJD="51630"), "MJD"),
        "no COEFF1": (plate_files.plate(COEFF1=None), "COEFF1"),
    }


@pytest.mark.parametrize("case", malformed_plates())
def test_a_malformed_plate_gives_no_rows(case: str) -> None:
    plate, part = malformed_plates()[case]
    error = error_of(lambda: rows_of(plate))
    assert error.reason == "malformed"
    assert part in error.message


def test_another_step_than_1e_4_is_rejected() -> None:
    error = error_of(lambda: rows_of(plate_files.plate(COEFF1=1.1e-4)))
    assert error.reason == "irregular_grid"


def test_a_damaged_catalogue_spoils_its_plate() -> None:
    """Half a plate's classes would look as if the others were unknown."""

    def error(**beside: fits.HDUList | bytes) -> BadFile:
        caught = error_of(lambda: rows_of(plate_files.plate(), **beside))
        assert any(name in caught.message for name in (ZBEST, ZLINE))
        return caught

    zbest, zline = plate_files.spzbest(IN_ORDER), plate_files.spzline(IN_ORDER)
    assert error(spZbest=to_bytes(zbest)[:6000]).reason == "truncated"
    assert error(spZbest=to_bytes(zline)).reason == "malformed"
    assert error(spZline=to_bytes(zbest)).reason == "malformed"
    assert "twice" in error(spZbest=plate_files.spzbest(np.append(IN_ORDER, 3))).message
    zbest[1].data["MJD"][4] += 1
    assert "is not of plate 266" in error(spZbest=zbest).message
    short = fits.HDUList([zline[0], fits.BinTableHDU(zline[1].data[:-1])])
    assert "as many lines" in error(spZline=short).message
    zline[1].data["LINENAME"][3] = "other"
    assert "the same lines" in error(spZline=zline).message


@pytest.mark.parametrize(
    ("hdus", "expected"),
    [
        (plate_files.spzbest(SHUFFLED), "sdss-spzbest"),
        (plate_files.spzbest(SHUFFLED, boss=False), "sdss-spzbest"),
        (plate_files.spzline(SHUFFLED), "sdss-spzline"),
    ],
)
def test_a_catalogue_gives_no_rows(hdus: fits.HDUList, expected: str) -> None:
    assert read_spectra(Source("catalogue.fits", to_bytes(hdus))) == (expected, [])


def test_catalogues_of_another_type_spoil_their_plate() -> None:
    """Numbers of fibres read as floats would match no fibre, and leave all unclassified."""
    zbest = to_bytes(plate_files.spzbest(IN_ORDER))
    floats = zbest.replace(b"TFORM3  = 'J  ", b"TFORM3  = 'E  ")
    assert floats != zbest
    assert "FIBERID" in error_of(lambda: rows_of(plate_files.plate(), spZbest=floats)).message
    zline = to_bytes(plate_files.spzline(IN_ORDER))
    integers = zline.replace(b"TFORM5  = 'E  ", b"TFORM5  = 'J  ")
    assert integers != zline
    assert "type" in error_of(lambda: rows_of(plate_files.plate(), spZline=integers)).message


def test_a_spec_file_that_lost_its_spectrum_is_not_spzline() -> None:
    hdus = plate_files.spzline(IN_ORDER, FIBERID=7)
    error = error_of(lambda: read_spectra(Source("spec.fits", to_bytes(hdus))))
    assert error.reason == "unknown_format"


def test_spzall_is_not_spzbest() -> None:
    """It has all fits of each fibre, and no image."""
    spzall = fits.HDUList(plate_files.spzbest(np.repeat(IN_ORDER, 3))[:2])
    error = error_of(lambda: read_spectra(Source("spZall.fits", to_bytes(spzall))))
    assert error.reason == "unknown_format"


def test_the_real_plate_with_flux_only_is_rejected(real_formats: Path) -> None:
    content = (real_formats / "spPlate-4055-55359-0020.fits").read_bytes()
    error = error_of(lambda: read_spectra(Source("spPlate.fits", content)))
    assert error.reason == "truncated"
    assert "ivar, andmask, ormask" in error.message


def test_a_plate_with_a_real_header(real_formats: Path) -> None:
    """What the real file lacks is made up; its header and its flux are BOSS's own."""
    with fits.open(real_formats / "spPlate-4055-55359-0020.fits") as hdus:
        flux, header = hdus[0].data, hdus[0].header
        completed = plate_files.plate(len(flux))
        completed[0] = fits.PrimaryHDU(flux, header)
        completed[0].header.insert("NAXIS2", ("EXTEND", True), after=True)
        for i, kind in ((1, "f4"), (2, "i4"), (3, "i4"), (4, "f4"), (6, "f4")):
            completed[i] = fits.ImageHDU(np.ones(flux.shape, kind))
        plate = to_bytes(completed)
    rows = rows_of(plate)
    assert rows[0]["key"] == "4055-55359-0001"
    assert rows[0]["run2d"] == "v5_7_0"
