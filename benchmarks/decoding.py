"""Decoding spec files one after another, on one core."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import fitsio
import numpy as np
from astropy.io import fits

from benchmarks.measure import measure
from galspec_spark.readers import read_spectra
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.lines import LINES
from galspec_spark.warehouse.schemas import LINE_MEASURES
from galspec_spark.warehouse.storage import Location

PIXELS = ("flux", "ivar", "and_mask", "or_mask")
SAMPLE = 300  #: files, at most twice as many


def compare_decoding(files: list[str], repeat: int) -> list[dict[str, Any]]:
    """Read files from the cache and decode the same columns in several ways.

    torchfits takes part where it is installed: with PyTorch, which it needs, it takes 5 GB.
    """
    sample = files[:: max(1, len(files) // SAMPLE)]
    ways: dict[str, Callable[[str], Any]] = {
        "ours": decode_ours,
        "fitsio": decode_fitsio,
        "astropy": decode_astropy,
    }
    if find_spec("torchfits"):
        ways["torchfits"] = decode_torchfits
    for file in sample[:20]:
        expected = decode_astropy(file)
        for way, decode in ways.items():
            found = decode(file)
            for name, value in expected.items():
                np.testing.assert_array_equal(found[name], value, f"{way}, {name} of {file}")
    work = f"decode {len(sample)} spec files, one core"
    return [
        measure(work, way, repeat, lambda decode=decode: [decode(file) for file in sample])  # type: ignore[misc]
        for way, decode in ways.items()
    ]


def decode_ours(path: str) -> dict[str, Any]:
    """Decode a spec file with our reader."""
    return read_spectra(Source(path, Location(path).read()))[1][0]


def decode_astropy(path: str) -> dict[str, Any]:
    """Decode a spec file as astropy's documentation shows, to columns of ``spectra``."""
    with fits.open(path) as hdus:
        coadd, specobj, lines = hdus[1].data, hdus[2].data[0], hdus[3].data
        row: dict[str, Any] = {name: native(coadd[name]) for name in PIXELS}
        row |= _identity(specobj)
        row |= _line_values(lines)
    return row


def decode_fitsio(path: str) -> dict[str, Any]:
    """Decode a spec file with fitsio, which wraps the C library cfitsio."""
    with fitsio.FITS(path) as hdus:
        coadd, specobj, lines = hdus[1].read(), hdus[2].read()[0], hdus[3].read()
    names = {name.lower(): name for name in coadd.dtype.names}
    row: dict[str, Any] = {name: native(coadd[names[name]]) for name in PIXELS}
    row |= _identity(specobj)
    row |= _line_values(lines)
    return row


def decode_torchfits(path: str) -> dict[str, Any]:
    """Decode a spec file with torchfits, which wraps cfitsio and gives Arrow tables."""
    table = import_module("torchfits.table")
    coadd, specobj, lines = (table.read(path, hdu=number) for number in (1, 2, 3))
    names = {name.lower(): name for name in coadd.column_names}
    row: dict[str, Any] = {name: coadd[names[name]].to_numpy() for name in PIXELS}
    row |= _identity(specobj.to_pylist()[0])
    row |= _line_values({name: lines[name].to_numpy() for name in lines.column_names})
    return row


def native(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a copy in this machine's byte order, which Arrow needs; FITS is big-endian."""
    return column.astype(column.dtype.newbyteorder("="))


def _identity(specobj: Any) -> dict[str, Any]:
    return {
        "plate": int(specobj["PLATE"]),
        "mjd": int(specobj["MJD"]),
        "fiber": int(specobj["FIBERID"]),
        "class": _text(specobj["CLASS"]),
        "subclass": _text(specobj["SUBCLASS"]),
        "z": float(specobj["Z"]),
        "z_err": float(specobj["Z_ERR"]),
        "zwarning": int(specobj["ZWARNING"]),
        "ra": float(specobj["PLUG_RA"]),
        "dec": float(specobj["PLUG_DEC"]),
        "sn_median": float(specobj["SN_MEDIAN_ALL"]),
    }


def _text(value: Any) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _line_values(lines: Any) -> dict[str, float]:
    names = [_text(name) for name in lines["LINENAME"]]
    columns = {measure: lines[f"LINE{measure.upper()}"] for measure in LINE_MEASURES}
    values = {}
    for line in LINES:
        i = names.index(line.sdss)
        for measured, column in columns.items():
            error = columns[f"{measured.removesuffix('_err')}_err"][i]
            values[f"{line.name}_{measured}"] = float(column[i]) if error > 0 else float("nan")
    return values
