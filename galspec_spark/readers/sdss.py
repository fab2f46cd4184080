"""SDSS, BOSS and eBOSS spectra of one object: spec-PLATE-MJD-FIBER.fits, lite and full.

Data model: https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.fits import BadFile, Unit, table, units
from galspec_spark.readers.source import Source
from galspec_spark.schemas import LINE_MEASURES
from galspec_spark.spectrum.grid import LOGLAM_STEP
from galspec_spark.spectrum.lines import LINES

FORMAT = "sdss-spec"

COADD_COLUMNS = {"flux", "loglam", "ivar", "and_mask", "or_mask"}
IDENTITY_COLUMNS = {
    "plate",
    "mjd",
    "fiberid",
    "class",
    "subclass",
    "z",
    "zwarning",
    "plug_ra",
    "plug_dec",
}
#: Columns that only SPECOBJ or only SPALL has, or that early reductions lack.
OPTIONAL_COLUMNS = {
    "run2d",
    "bestobjid",
    "thing_id",
    "sourcetype",
    "objtype",
    "z_err",
    "sn_median_all",
}
LINE_COLUMNS = {"linename", *(f"line{measure}" for measure in LINE_MEASURES)}
#: COADD loglam is float32: 3e-7 dex.
LOGLAM_TOLERANCE = 2e-6


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a spec file."""
    return (
        len(found) >= 3
        and found[1].layout.columns >= COADD_COLUMNS
        and found[2].layout.name in ("SPECOBJ", "SPALL")
    )


def read(source: Source) -> list[dict[str, Any]]:
    """Decode one spec file.

    Parameters
    ----------
    source
        The file. Only its first four units are read; the exposures of a full file follow.

    Returns
    -------
    list of dict
        One row of the ``spectra`` table, without provenance: scalars, and arrays of shape
        (pixels,): flux in 1e-17 erg/s/cm2/A and ivar float32, and_mask and or_mask int32.

    Raises
    ------
    BadFile
        If a table is malformed or is not sampled in steps of 1e-4 dex.
    """
    content = source.content
    found = list(islice(units(content), 4))
    if len(found) < 4:
        raise BadFile("truncated", f"the file ends after unit {len(found)} of the 4 of a spec file")
    coadd = table(content, found[1], COADD_COLUMNS)
    row: dict[str, Any] = _identity(table(content, found[2], IDENTITY_COLUMNS | OPTIONAL_COLUMNS))
    row["loglam0"] = _first_loglam(coadd["loglam"])
    for name in ("flux", "ivar"):
        row[name] = coadd[name].astype(np.float32)
    for name in ("and_mask", "or_mask"):
        row[name] = coadd[name].astype(np.int32)
    if found[3].layout.name == "SPZLINE":
        row.update(_lines(table(content, found[3], LINE_COLUMNS)))
    return [row]


def _identity(catalogue: npt.NDArray[np.void]) -> dict[str, Any]:
    if len(catalogue) != 1:
        raise BadFile("malformed", f"SPECOBJ has {len(catalogue)} rows, not one")
    values = catalogue[0]
    known = set(catalogue.dtype.names or ())
    if IDENTITY_COLUMNS - known:
        missing = sorted(IDENTITY_COLUMNS - known)[0].upper()
        raise BadFile("malformed", f"SPECOBJ has no column {missing}")
    plate, mjd, fiber = (int(values[name]) for name in ("plate", "mjd", "fiberid"))
    return {
        "survey": "sdss",
        "key": f"{plate:04d}-{mjd}-{fiber:04d}",
        "plate": plate,
        "mjd": mjd,
        "fiber": fiber,
        "run2d": _text(values["run2d"]) if "run2d" in known else None,
        "object_id": _object_id(values, known),
        "source_type": next(
            (_text(values[name]) for name in ("sourcetype", "objtype") if name in known), None
        ),
        "ra": float(values["plug_ra"]),
        "dec": float(values["plug_dec"]),
        "z": float(values["z"]),
        "z_err": float(values["z_err"]) if "z_err" in known else None,
        "zwarning": int(values["zwarning"]),
        "class": _text(values["class"]),
        "subclass": _text(values["subclass"]),
        "sn_median": float(values["sn_median_all"]) if "sn_median_all" in known else None,
    }


def _object_id(values: np.void, known: set[str]) -> str | None:
    """Name the photometric object: BESTOBJID in SDSS, THING_ID in BOSS; None where unmatched."""
    if "bestobjid" in known:
        best = _text(values["bestobjid"])
        return f"bestobjid-{best}" if best.strip("0") else None
    if "thing_id" in known and int(values["thing_id"]) > 0:
        return f"thing-{int(values['thing_id'])}"
    return None


def _text(value: bytes | str) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return text.split("\0", 1)[0].strip()


def _first_loglam(loglam: npt.NDArray[np.floating[Any]]) -> float:
    """Return the first log10 wavelength, exact where float32 only rounds SDSS's own grid."""
    if len(loglam) < 2:
        raise BadFile("malformed", f"the spectrum has {len(loglam)} pixels")
    offsets = loglam.astype(np.float64) - LOGLAM_STEP * np.arange(len(loglam))
    first = float(offsets.mean())
    if not np.abs(offsets - first).max() <= LOGLAM_TOLERANCE:
        raise BadFile("irregular_grid", "the wavelengths are not in steps of 1e-4 dex")
    on_grid = round(first / LOGLAM_STEP) * LOGLAM_STEP
    return round(on_grid, 4) if abs(first - on_grid) < LOGLAM_TOLERANCE else first


def _lines(fits_of_lines: npt.NDArray[np.void]) -> dict[str, float]:
    """Return the measures of the main lines, NaN where SDSS did not measure (error <= 0)."""
    if not set(fits_of_lines.dtype.names or ()) >= LINE_COLUMNS:
        raise BadFile("malformed", "SPZLINE lacks a column of its data model")
    names = np.ascontiguousarray(fits_of_lines["linename"]).astype("S")
    positions = _line_positions(names.tobytes(), names.dtype.itemsize)
    row: dict[str, float] = {}
    for measure in LINE_MEASURES:
        values = fits_of_lines[f"line{measure}"]
        errors = fits_of_lines[f"line{measure.removesuffix('_err')}_err"]
        for name, position in positions.items():
            measured = errors[position] > 0
            row[f"{name}_{measure}"] = float(values[position]) if measured else float("nan")
    return row


@lru_cache(maxsize=64)
def _line_positions(names: bytes, width: int) -> dict[str, int]:
    """Return the row of each known line in an SPZLINE table with these names."""
    rows = [_text(names[i : i + width]) for i in range(0, len(names), width)]
    return {line.name: rows.index(line.sdss) for line in LINES if line.sdss in rows}
