"""Small DESI files made with astropy: an independent writer for the tests of our reader."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io import fits

#: First pixel on the grid of 0.8 A from 3600 A, and number of pixels, of each arm.
ARMS = {"B": (0, 301), "R": (250, 251), "Z": (450, 321)}
TARGETS = np.array([39633345008634465, 616088561849860096, 39627000000000001, -7], np.int64)


def to_bytes(hdus: fits.HDUList) -> bytes:
    """Return a file's content."""
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def table(name: str, columns: dict[str, np.ndarray]) -> fits.BinTableHDU:
    """Return a table unit."""
    formats = {"i8": "K", "i4": "J", "f8": "D"}
    return fits.BinTableHDU.from_columns(
        [
            fits.Column(n, formats.get(c.dtype.str[1:], f"{c.dtype.itemsize}A"), array=c)
            for n, c in columns.items()
        ],
        name=name,
    )


def fibermap(targets: np.ndarray = TARGETS, **columns: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the columns of FIBERMAP; `columns` replaces some, or removes those that are None."""
    count = len(targets)
    kinds = np.array([b"TGT", b"SKY", b"TGT", b"NON"])
    values = {
        "TARGETID": targets,
        "FIBER": np.arange(count, dtype="i4") + 2000,
        "TARGET_RA": 150 + np.arange(count) / 10,
        "TARGET_DEC": np.full(count, 2.5),
        "OBJTYPE": kinds[np.arange(count) % 4],
        "COADD_NUMEXP": np.ones(count, "i4"),
        **columns,
    }
    return {name: column for name, column in values.items() if column is not None}


def spectra(targets: int = len(TARGETS), seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Return wavelength, flux, ivar and mask of each arm."""
    random = np.random.default_rng(seed)
    arms = {}
    for name, (start, pixels) in ARMS.items():
        shape = (targets, pixels)
        arms[name] = {
            "WAVELENGTH": 3600 + 0.8 * (start + np.arange(pixels)),
            "FLUX": random.normal(5, 1, shape).astype("f4"),
            "IVAR": (random.uniform(0.5, 2, shape) * (random.random(shape) > 0.02)).astype("f4"),
            "MASK": np.where(random.random(shape) < 0.02, 4, 0).astype("i4"),
        }
    return arms


def coadd(
    arms: dict[str, dict[str, np.ndarray]] | None = None,
    columns: dict[str, np.ndarray] | None = None,
    compress: bool = False,
    **cards: Any,
) -> fits.HDUList:
    """Return a coadd; `cards` are those of its primary header."""
    primary = fits.PrimaryHDU(header=fits.Header(list(cards.items())))
    hdus = fits.HDUList([primary, table("FIBERMAP", fibermap() if columns is None else columns)])
    hdus.append(table("EXP_FIBERMAP", {"TARGETID": TARGETS, "MJD": np.full(len(TARGETS), 59000.2)}))
    for arm, images in (arms or spectra()).items():
        for name, image in images.items():
            if name == "MASK" and compress:
                hdus.append(fits.CompImageHDU(image.astype("u4"), name=f"{arm}_MASK"))
            else:
                hdus.append(fits.ImageHDU(image, name=f"{arm}_{name}"))
        resolution = np.ones((len(TARGETS), 11, ARMS.get(arm, ARMS["B"])[1]), "f4")
        hdus.append(fits.ImageHDU(resolution, name=f"{arm}_RESOLUTION"))
    return hdus


def redrock(
    targets: np.ndarray = TARGETS, name: str = "REDSHIFTS", **columns: np.ndarray
) -> fits.HDUList:
    """Return a catalogue of redshifts: galaxy, star, quasar, galaxy, and again."""
    kinds = np.array([b"GALAXY", b"STAR", b"QSO", b"GALAXY"])
    values = {
        "TARGETID": targets,
        "Z": np.arange(len(targets)) / 10,
        "ZERR": np.full(len(targets), 1e-5),
        "ZWARN": np.arange(len(targets)) * 516,
        "SPECTYPE": kinds[np.arange(len(targets)) % 4],
        "SUBTYPE": np.array([b"", b"M", b"HIZ", b""])[np.arange(len(targets)) % 4],
        **columns,
    }
    return fits.HDUList([fits.PrimaryHDU(), table(name, values), table("FIBERMAP", fibermap())])
