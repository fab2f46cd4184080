"""Values that the readers of SDSS files share: keys, catalogues, lines and the wavelength grid."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.rows import Cards, Row
from galspec_spark.spectrum.grid import LOGLAM_STEP
from galspec_spark.spectrum.lines import LINES
from galspec_spark.warehouse.schemas import LINE_MEASURES

#: Columns of SPZLINE and of spZline.
LINE_COLUMNS = frozenset({"linename", *(f"line{measure}" for measure in LINE_MEASURES)})
#: Index of the error of each of `LINE_MEASURES`.
ERRORS = [LINE_MEASURES.index(f"{measure.removesuffix('_err')}_err") for measure in LINE_MEASURES]
#: Most pixels of a spectrum; even an echelle spectrum has fewer.
MOST_PIXELS = 100_000
#: Tolerance of a log10 wavelength: float32 rounds by 3e-7 dex.
LOGLAM_TOLERANCE = 2e-6
#: Tolerance of COEFF1, the step: 5000 pixels end within 5e-7 dex of the grid.
STEP_TOLERANCE = 1e-10


def observation(plate: int, mjd: int, fiber: int) -> Row:
    """Return the columns that name an observation, the same for all kinds of SDSS files."""
    return {
        "survey": "sdss",
        "key": f"{plate:04d}-{mjd}-{fiber:04d}",
        "plate": plate,
        "mjd": mjd,
        "fiber": fiber,
    }


def object_id(values: Cards) -> str | None:
    """Name the photometric object: BESTOBJID in SDSS, THING_ID in BOSS; None where unmatched."""
    if "bestobjid" in values:
        best = text(values["bestobjid"])
        return f"bestobjid-{best}" if best.strip("0") else None
    thing = values.get("thing_id", 0)
    if type(thing) is not int:
        raise BadFile("malformed", "THING_ID is not a whole number")
    return f"thing-{thing}" if thing > 0 else None


def classification(values: Cards) -> Row:
    """Return the pipeline's results for an object, from a row of SPECOBJ, SPALL or spZbest."""
    return {
        "object_id": object_id(values),
        "z": values["z"],
        "z_err": values.get("z_err"),
        "zwarning": values["zwarning"],
        "class": text(values["class"]),
        "subclass": text(values["subclass"]),
        "sn_median": values.get("sn_median_all"),
    }


def text(value: bytes | str) -> str:
    """Return a string of a table without its padding; a NUL ends it.

    Raises
    ------
    UnicodeDecodeError
        If the string is not ASCII, which the standard requires.
    """
    decoded = value.decode("ascii") if isinstance(value, bytes) else value
    return decoded.split("\0", 1)[0].strip()


def first_loglam(loglam: npt.NDArray[np.floating]) -> float:
    """Return the first of a spectrum's log10 wavelengths, rounded by `on_grid`.

    Raises
    ------
    BadFile
        If the wavelengths are not in steps of 1e-4 dex.
    """
    if not 2 <= len(loglam) <= MOST_PIXELS:
        raise BadFile("malformed", f"the spectrum has {len(loglam)} pixels")
    offsets = loglam - _ramp(len(loglam))
    first = float(offsets.mean())
    if not (
        offsets.max() - first <= LOGLAM_TOLERANCE and first - offsets.min() <= LOGLAM_TOLERANCE
    ):
        raise BadFile("irregular_grid", "the wavelengths are not in steps of 1e-4 dex")
    return on_grid(first)


def first_loglam_of_header(values: Cards) -> float:
    """Return the first log10 wavelength, from the cards COEFF0 and COEFF1, rounded by `on_grid`.

    Raises
    ------
    BadFile
        If a card is missing, or the step is not 1e-4 dex.
    """
    first, step = (card_number(values, name) for name in ("COEFF0", "COEFF1"))
    if not abs(step - LOGLAM_STEP) <= STEP_TOLERANCE:
        raise BadFile(
            "irregular_grid", f"the wavelengths are in steps of {step:g} dex, not of 1e-4"
        )
    return on_grid(first)


def on_grid(first: float) -> float:
    """Round a first log10 wavelength to SDSS's grid where it is off by float32 rounding only."""
    nearest = round(first / LOGLAM_STEP) * LOGLAM_STEP
    return round(nearest, 4) if abs(first - nearest) < LOGLAM_TOLERANCE else first


def card_number(values: Cards, name: str) -> float:
    """Return a number of a header.

    Raises
    ------
    BadFile
        If the card is missing, unreadable, or not a finite number.
    """
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise BadFile("malformed", f"the header has no number {name}")
    return float(value)


def card_integer(values: Cards, name: str) -> int:
    """Return an integer of a header, such as PLATEID.

    Raises
    ------
    BadFile
        If the card is missing, unreadable, or not a whole number.
    """
    value = values.get(name)
    if type(value) is not int:
        raise BadFile("malformed", f"the header has no whole number {name}")
    return value


def check_whole_numbers(
    catalogue: npt.NDArray[np.void], names: Iterable[str], kinds: str = "i"
) -> None:
    """Check that columns are integers, signed by default, which a damaged header may not say.

    Raises
    ------
    BadFile
        If a column is of another type.
    """
    for name in names:
        if catalogue.dtype[name].kind not in kinds:
            raise BadFile("malformed", f"{name.upper()} is not a whole number")


def check_of_plate(catalogue: npt.NDArray[np.void], plate: int, mjd: int) -> None:
    """Check that all rows of a catalogue are of fibres of one plate.

    Raises
    ------
    BadFile
        If a row is of another plate.
    """
    check_whole_numbers(catalogue, ("fiberid",))
    if not ((catalogue["plate"] == plate) & (catalogue["mjd"] == mjd)).all():
        raise BadFile("malformed", f"it is not of plate {plate}, MJD {mjd}")


def measured_lines(fits_of_lines: npt.NDArray[np.void]) -> list[dict[str, float]]:
    """Return the measures of the main lines, NaN where SDSS did not measure (error <= 0).

    Parameters
    ----------
    fits_of_lines
        Structured, shape (objects, lines), with `LINE_COLUMNS`, the same lines for all objects.

    Returns
    -------
    list of dict
        The measures of each object, by column of the ``spectra`` table.

    Raises
    ------
    BadFile
        If a column is missing or of another type.
    """
    _check_lines(fits_of_lines.dtype)
    names = np.ascontiguousarray(fits_of_lines["linename"][0]).astype("S")
    positions, keys = _main_lines(names.tobytes(), names.dtype.itemsize)
    lines = fits_of_lines[:, positions]
    values = np.stack([lines[f"line{measure}"] for measure in LINE_MEASURES], axis=-1)
    values[~(values[..., ERRORS] > 0)] = np.nan
    by_object = values.reshape(len(values), -1).tolist()
    return [dict(zip(keys, row, strict=True)) for row in by_object]


@lru_cache(maxsize=64)
def _check_lines(dtype: np.dtype[np.void]) -> None:
    if not set(dtype.names or ()) >= LINE_COLUMNS:
        raise BadFile("malformed", "the table of lines lacks a column of its data model")
    kinds = {dtype[name].kind for name in LINE_COLUMNS - {"linename"}}
    if kinds != {"f"} or dtype["linename"].kind not in "SU":
        raise BadFile("malformed", "a column of the table of lines has the wrong type")


@lru_cache(maxsize=64)
def _main_lines(names: bytes, width: int) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Return the rows of the main lines in a table with these names, and the column names."""
    rows = [text(names[i : i + width]) for i in range(0, len(names), width)]
    lines = [line for line in LINES if line.sdss in rows]
    positions = np.array([rows.index(line.sdss) for line in lines], np.intp)
    return positions, tuple(f"{line.name}_{m}" for line in lines for m in LINE_MEASURES)


@lru_cache(maxsize=64)
def _ramp(pixels: int) -> npt.NDArray[np.float64]:
    return np.arange(pixels, dtype=np.float64) * LOGLAM_STEP
