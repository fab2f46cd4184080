"""SDSS's spec-lite files: a batch of simulated spectra as the bytes of FITS files.

Astropy makes the headers of the four HDUs once. A file is then these headers, with a few cards set
in place, and the big-endian rows of structured arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from astropy.io import fits

from galspec_spark import __version__
from galspec_spark.readers.simulated import KEYWORD, VALUE
from galspec_spark.simulate import sky
from galspec_spark.simulate.batch import RUN2D, Batch
from galspec_spark.simulate.speclite_tables import (
    COADD,
    LINES,
    SPECOBJ,
    SPZLINE,
    coadd,
    specobj,
    spzline,
)

BLOCK_BYTES, CARD_BYTES = 2880, 80


def relative_path(plate: int, mjd: int, fiber: int) -> str:
    """Return the archive's path of a spec-lite file, below the survey's folder."""
    folder = f"simulated/sdss/spectro/redux/{RUN2D}/spectra/lite/{plate:04d}"
    return f"{folder}/spec-{plate:04d}-{mjd:05d}-{fiber:04d}.fits"


def files(batch: Batch) -> Iterator[tuple[str, bytes]]:
    """Yield the relative path and the content of each spectrum's file."""
    who, visits = batch.identity, batch.visits
    coadd_rows, specobj_rows, spzline_rows = coadd(batch), specobj(batch), spzline(batch)
    for i in range(len(batch)):
        plate, mjd, fiber = int(who.plate[i]), int(who.mjd[i]), int(who.fiber[i])
        pixels = coadd_rows[i, visits.first[i] : visits.stop[i]]
        content = (
            _primary(plate, mjd, fiber, float(who.ra[i]), float(who.dec[i]), int(visits.first[i])),
            _header(COADD, len(pixels), "COADD"),
            _padded(pixels.tobytes()),
            _header(SPECOBJ, 1, "SPECOBJ"),
            _padded(specobj_rows[i].tobytes()),
            _header(SPZLINE, len(LINES.names), "SPZLINE"),
            _padded(spzline_rows[i].tobytes()),
        )
        yield relative_path(plate, mjd, fiber), b"".join(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK_BYTES)


@lru_cache(maxsize=256)
def _header(dtype: np.dtype[np.void], rows: int, name: str) -> bytes:
    header = fits.BinTableHDU(np.zeros(1, dtype), name=name).header
    header["NAXIS2"] = rows
    return bytes(header.tostring(), "ascii")


def _primary(plate: int, mjd: int, fiber: int, ra: float, dec: float, first: int) -> bytes:
    """Return the primary header: the shared header with this spectrum's cards set in place."""
    block, places = _primary_layout()
    header = bytearray(block)
    values = {
        "PLATEID": str(plate), "TILEID": str(plate), "MJD": str(mjd), "FIBERID": str(fiber),
        "RA": f"{ra:.6f}", "DEC": f"{dec:.6f}", "RADEG": f"{ra:.6f}", "DECDEG": f"{dec:.6f}",
        "PLUG_RA": f"{ra:.6f}", "PLUG_DEC": f"{dec:.6f}",
        "COEFF0": f"{sky.LOGLAM0 + first * sky.STEP:.4f}",
        "TAI": f"{86400.0 * (mjd + 0.3):.2f}",
    }  # fmt: skip
    for key, value in values.items():
        at = places[key]
        header[at + 10 : at + 30] = f"{value:>20}".encode("ascii")
    return bytes(header)


@lru_cache(maxsize=1)
def _primary_layout() -> tuple[bytes, dict[str, int]]:
    """Return a primary header to fill in, and the byte where each card begins."""
    cards = [
        ("TAI", 0.0, "seconds since Nov 17 1858"),
        ("RA", 0.0, "right ascension of the plate"),
        ("DEC", 0.0, "declination of the plate"),
        ("EQUINOX", 2000.0, ""),
        ("RADESYS", "FK5", ""),
        ("TIMESYS", "tai", "TAI, not UTC"),
        ("MJD", 0, "MJD of observation"),
        ("TELESCOP", "SDSS 2.5-M", "as in the Sloan Digital Sky Survey"),
        ("NEXP_B1", 3, "b1 camera number of exposures"),
        ("NEXP_R1", 3, "r1 camera number of exposures"),
        ("EXPTIME", 2700.0, "Minimum of exposure times for all cameras"),
        ("FLAVOR", "science", "exposure type"),
        ("QUALITY", "excellent", "night/image quality"),
        ("RADEG", 0.0, "Right Ascension (degrees)"),
        ("DECDEG", 0.0, "Declination (degrees)"),
        ("PLATEID", 0, "Plate Id"),
        ("TILEID", 0, "Tile Id"),
        (KEYWORD, VALUE, f"galspec_spark {__version__}, not an observation"),
        ("RUN2D", RUN2D, "reduction whose layout this follows"),
        ("VACUUM", True, "Wavelengths are in vacuum"),
        ("NWORDER", 2, "Linear-log10 coefficients"),
        ("WFITTYPE", "LOG-LINEAR", "Linear-log10 dispersion"),
        ("COEFF0", 0.0, "Central wavelength (log10) of first pixel"),
        ("COEFF1", 1e-4, "Log10 dispersion per pixel"),
        ("DC-FLAG", 1, "Log-linear flag"),
        ("BUNIT", "1E-17 erg/cm^2/s/Ang", ""),
        ("PLUG_RA", 0.0, "RA of object [deg]"),
        ("PLUG_DEC", 0.0, "dec of object [deg]"),
        ("FIBERID", 0, "Fiber number (1-640)"),
    ]
    header = fits.PrimaryHDU().header
    for card in cards:
        header.append(card, end=True)
    block = header.tostring()
    places = {card.keyword: CARD_BYTES * i for i, card in enumerate(header.cards)}
    return bytes(block, "ascii"), places
