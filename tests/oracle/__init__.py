"""Every format decoded with astropy alone, as a careful user would: what our readers must equal.

Nothing here is taken from the readers but the names of columns. What cannot be decoded raises
whatever astropy or numpy raises, or `Refused` where a careful user would look twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from galspec_spark.warehouse.schemas import SPECTRA
from tests.oracle import desi, lamost, sdss
from tests.oracle.common import Beside, Row, open_fits
from tests.oracle.desi import desi_spectrum

__all__ = ["EXACT", "REGULAR", "Row", "assert_equal", "desi_spectrum", "differences", "spectra"]

#: Columns that are made after a file is read.
ADDED = {"spectrum_id", "healpix29", "quality", "pixels", "file"}
ADDED |= {"version", "run_id", "config_hash"}
COLUMNS = ["survey", "key", *(name for name in SPECTRA.names if name not in ADDED)]
#: Of wavelengths, in dex: what float32 rounds, and what our readers take for regular.
EXACT, REGULAR = 5e-7, 4e-6
#: Of what is computed, not only read: those arrays are of float64 here.
COMPUTED = {"rtol": 1e-5, "atol": 1e-6}


def spectra(kind: str, content: bytes, name: str = "", beside: Beside | None = None) -> list[Row]:
    """Decode a file.

    Parameters
    ----------
    kind
        The format, as our reader names it.
    content
        The file; compressed or not.
    name
        Of the file, and the files beside it by name: coadds and plates need them.

    Returns
    -------
    list of dict
        Rows by column of the ``spectra`` table, and ``survey`` and ``key``. Instead of ``loglam0``
        they have ``loglam``, the log10 wavelengths.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "File may have been truncated")
        rows = DECODERS[kind](content, name, beside or {})
        simulated = open_fits(content)[0].header.get("VERS2D") == "simulated"
        return [{**row, "simulated": simulated} for row in rows]


def differences(ours: Sequence[Row], theirs: Sequence[Row], tolerance: float = EXACT) -> list[str]:
    """Return what differs: rows of a reader, or of Parquet, and those of `spectra`."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows, not {len(theirs)}"]
    return [
        f"row {i}: {column} is {a.get(column)!r}, not {b.get(column, b.get('loglam'))!r}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True))
        for column in COLUMNS
        if not _same(column, a, b, tolerance)
    ]


def _same(column: str, ours: Row, theirs: Row, tolerance: float) -> bool:
    if column == "loglam0":
        loglam = ours["loglam0"] + 1e-4 * np.arange(len(theirs["loglam"]))
        return bool(np.abs(loglam - theirs["loglam"]).max() <= tolerance)
    a, b = ours.get(column), theirs.get(column)
    if isinstance(b, np.ndarray):
        if a is None or len(a) != len(b):
            return False
        if b.dtype == np.float64:
            with np.errstate(over="ignore"):
                return np.allclose(a, b.astype(np.float32), **COMPUTED, equal_nan=True)
        return np.array_equal(a, b, equal_nan=True)
    if _is_missing(a) or _is_missing(b):
        return _is_missing(a) and _is_missing(b)
    if column == "ra" and (-180 <= b < 0 or b == 360):
        b = b + 360 if b < 0 else 0.0
        return bool(np.isclose(a, b, rtol=0, atol=1e-9) or np.isclose(abs(a - b), 360))
    return bool(a == b)


def _is_missing(value: Any) -> bool:
    """Tell null: a number that is not finite becomes null in the table."""
    return value is None or (isinstance(value, float | np.floating) and not np.isfinite(value))


def assert_equal(ours: Sequence[Row], theirs: Sequence[Row], tolerance: float = EXACT) -> None:
    """Compare all columns of all rows, and the types that the schema needs."""
    assert not differences(ours, theirs, tolerance)
    kinds = {"flux": "f4", "ivar": "f4", "and_mask": "i4", "or_mask": "i4"}
    for row in ours:
        for column, kind in kinds.items():
            if row.get(column) is not None:
                assert row[column].dtype == np.dtype(kind)
                assert row[column].dtype.isnative


def _nothing(content: bytes, name: str, beside: Beside) -> list[Row]:
    """Give no rows: the catalogue's are those of the spectra beside it."""
    return []


DECODERS = {
    "sdss-spec": sdss.spec,
    "sdss-v-spec": sdss.spec_of_a_field,
    "sdss-plate": sdss.plate,
    "sdss-spspec": sdss.spspec,
    "sdss-spzbest": _nothing,
    "sdss-spzline": _nothing,
    "lamost-lrs": lamost.lamost,
    "desi-coadd": desi.coadd,
    "desi-redrock": _nothing,
}
