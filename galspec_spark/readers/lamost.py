"""LAMOST low-resolution spectra: spec-LMJD-PLANID_spXX-FFF.fits, an image or a table.

Data model: http://dr5.lamost.org/v3/doc/data-production-description (a primary image of five rows)
and https://www.lamost.org/dr9/v1.0/doc/lr-data-production-description (a table COADD of one row).
File names have LMJD, the local modified Julian day in Beijing, and so has the column ``mjd``.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.checks import float_pixels
from galspec_spark.readers.fits import BadFile, Unit, cards, image, table
from galspec_spark.readers.rows import Cards, Row
from galspec_spark.readers.sdss_values import (
    card_number,
    first_loglam,
    first_loglam_of_header,
)
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.masks import PixelMask

FORMAT = "lamost-lrs"

#: The rows of the image, and the cells of the table.
ROWS = ("flux", "ivar", "wavelength", "andmask", "ormask")
REQUIRED = ("LMJD", "PLANID", "SPID", "FIBERID", "RA", "DEC", "CLASS", "SUBCLASS", "Z", "VACUUM")
OPTIONAL = (
    *("EXTEN0", "COEFF0", "COEFF1", "Z_ERR", "VERSPIPE", "DESIG"),
    *("OBJTYPE", "FIBERTYP", "FIB_TYPE"),
)
#: Cards with numbers; DR2 has some of them as text.
NUMBERS = ("LMJD", "SPID", "FIBERID", "RA", "DEC", "Z", "Z_ERR", "COEFF0", "COEFF1")
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?", re.ASCII)
#: Bits of ANDMASK and ORMASK (LAMOST's production description); the others only warn.
PIXEL_MASK = PixelMask(
    {"BADCCD": 0, "BADPROFILE": 1, "NOSKY": 2, "BRIGHTSKY": 3, "BADCENTER": 4, "NODATA": 5},
    bad=("BADCCD", "NOSKY", "BRIGHTSKY", "NODATA"),
)
#: Placeholders for a redshift that was not measured, and for a class without subclasses.
NO_VALUE = -9999.0
NO_SUBCLASS = ("", "NON", "NULL")


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a LAMOST spectrum.

    A survey's plan is LAMOST's own card, where nothing says of which telescope an image is.
    """
    if len(found) > 1 and found[1].layout.columns >= set(ROWS):
        return True
    if len(found[0].layout.shape) != 2 or found[0].layout.shape[0] != len(ROWS):
        return False
    header = cards(found[0], ["TELESCOP", "PLANID"])
    return header.get("TELESCOP", "LAMOST") == "LAMOST" and len(header) > 0


def read(source: Source) -> list[Row]:
    """Decode one spectrum.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    list of dict
        One row of the ``spectra`` table, without provenance: scalars, and arrays of shape
        (pixels,): flux (relative) and ivar float32, and_mask and or_mask int32 with the bits that
        LAMOST gives them, which are not SDSS's. ``run2d`` is the version of the pipeline. LAMOST
        measures S/N by band only, so ``sn_median`` is left out, as are warnings and lines.

    Raises
    ------
    BadFile
        If cards or pixels are missing or malformed, wavelengths are not in vacuum, or are not in
        steps of 1e-4 dex.
    """
    found = source.first_units
    header = _with_numbers(cards(found[0], REQUIRED + OPTIONAL))
    row = _identity(header)
    pixels = _pixels(source, found)
    row["loglam0"] = _first_loglam(pixels["wavelength"], header)
    for name in ("flux", "ivar"):
        row[name] = float_pixels(pixels[name], name)
    row["and_mask"], row["or_mask"] = _bits(pixels["andmask"]), _bits(pixels["ormask"])
    return [row]


def _with_numbers(header: Cards) -> Cards:
    """Return the cards, with numbers where text says a number."""
    texts = {name: value for name, value in header.items() if isinstance(value, str)}
    found = {
        name: float(texts[name])
        for name in NUMBERS
        if name in texts and NUMBER.fullmatch(texts[name])
    }
    return {**header, **found}


def _identity(header: Cards) -> Row:
    """Return the object's identity, position and date, and the pipeline's classification."""
    for name in REQUIRED:
        if name not in header:
            raise BadFile("malformed", f"the header has no readable card {name}")
    if header["VACUUM"] is not True:
        raise BadFile("air_wavelengths", "VACUUM is not T: wavelengths must be in vacuum")
    lmjd, spid, fiber = (_integer(header, name) for name in ("LMJD", "SPID", "FIBERID"))
    planid, kind, subclass = (_text(header, name) for name in ("PLANID", "CLASS", "SUBCLASS"))
    sky = "Sky" in (header.get("FIBERTYP"), header.get("FIB_TYPE"))
    return {
        "survey": "lamost",
        "key": f"{lmjd}-{planid}-{spid:02d}-{fiber:03d}",
        "mjd": lmjd,
        "fiber": fiber,
        "field": f"{planid}_sp{spid:02d}",
        "run2d": header.get("VERSPIPE"),
        "object_id": None if sky else _object_id(header),
        "source_type": "SKY" if sky else header.get("OBJTYPE"),
        "ra": card_number(header, "RA"),
        "dec": card_number(header, "DEC"),
        "z": _measured(header, "Z"),
        "z_err": _measured(header, "Z_ERR") if "Z_ERR" in header else None,
        "class": kind,
        "subclass": None if subclass.upper() in NO_SUBCLASS else subclass,
    }


def _object_id(header: Cards) -> str | None:
    """Name the object by its position to 0.1 arcsec: equal names are one object.

    Another input catalogue can give the object another name: then positions link its spectra.
    """
    if "DESIG" not in header:
        return None
    return f"desig-{_text(header, 'DESIG').removeprefix('LAMOST ')}"


def _text(header: Cards, name: str) -> str:
    value = header[name]
    if not isinstance(value, str):
        raise BadFile("malformed", f"card {name} is not text: {value!r}")
    return value


def _measured(header: Cards, name: str) -> float | None:
    value = card_number(header, name)
    return None if value == NO_VALUE else value


def _integer(header: Cards, name: str) -> int:
    value = card_number(header, name)
    if value != int(value) or not 0 <= value < 2**31:
        raise BadFile("malformed", f"card {name} is not a count: {value!r}")
    return int(value)


def _pixels(source: Source, found: list[Unit]) -> dict[str, Array]:
    """Return the rows of the image, or the cells of the table, by name."""
    if len(found) > 1 and found[1].layout.columns >= set(ROWS):
        cells = table(source.content, found[1], set(ROWS))
        if len(cells) != 1:
            raise BadFile("malformed", f"the table COADD has {len(cells)} rows, not 1")
        pixels = {name: np.asarray(cells[name][0]) for name in ROWS}
    else:
        pixels = dict(zip(ROWS, image(source.content, found[0]), strict=True))
    shapes = {array.shape for array in pixels.values()}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 1 or shape[0] < 2:
        raise BadFile("malformed", "flux, ivar, wavelength and masks have no common length")
    return pixels


def _first_loglam(wavelength: Array, header: Cards) -> float:
    """Return the first log10 wavelength, from the cards if the third row has no wavelengths."""
    if "subcontinuum" in str(header.get("EXTEN0", "")).lower():  # flux without its continuum
        return first_loglam_of_header(header)
    with np.errstate(invalid="ignore", divide="ignore"):
        return first_loglam(np.log10(wavelength.astype(np.float64)))


def _bits(mask: Array) -> npt.NDArray[np.int32]:
    """Return a mask as integers: LAMOST writes masks as floats, with the spectrum."""
    with np.errstate(invalid="ignore"):
        if not ((mask >= 0) & (mask < 2**31) & (mask == np.floor(mask))).all():
            raise BadFile("malformed", "a mask is not a row of bits")
    return mask.astype(np.int32)
