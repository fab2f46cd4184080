"""Small plates made with astropy: an independent writer for the tests of our reader."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io import fits

from galspec_spark.spectrum.lines import LINES

PLATE, MJD, FIBERS, PIXELS = 266, 51630, 7, 300
LINE_NAMES = ["Ly_alpha", *(line.sdss for line in LINES)]
CLASSES = ["GALAXY", "GALAXY", "QSO", "STAR"]
SUBCLASSES = ["AGN BROADLINE", "", "BROADLINE", "A0"]


def to_bytes(hdus: fits.HDUList) -> bytes:
    """Return the file that astropy writes."""
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def plate(fibers: int = FIBERS, **cards: Any) -> fits.HDUList:
    """Return a plate; `cards` replaces those of its header, None removes one."""
    random = np.random.default_rng(fibers)
    shape = (fibers, PIXELS)
    masks = random.integers(0, 1 << 30, (2, *shape)).astype("i4")
    primary = fits.PrimaryHDU(random.normal(10, 1, shape).astype("f4"))
    known = {"PLATEID": PLATE, "MJD": MJD, "COEFF0": 3.5801, "COEFF1": 1e-4, **cards}
    primary.header.update({name: value for name, value in known.items() if value is not None})
    numbers = np.arange(1, fibers + 1)
    kinds = [("GALAXY", "QSO", "SKY")[i % 3] for i in range(fibers)]
    plugmap = [
        fits.Column("OBJID", "5J", array=np.zeros((fibers, 5), "i4")),
        fits.Column("RA", "D", array=150 + numbers / 10),
        fits.Column("DEC", "D", array=2 - numbers / 10),
        fits.Column("OBJTYPE", "16A", array=kinds),
        fits.Column("FIBERID", "J", array=numbers),
    ]
    return fits.HDUList(
        [
            primary,
            fits.ImageHDU(random.uniform(0, 2, shape).astype("f4"), name="IVAR"),
            fits.ImageHDU(masks[0], name="ANDMASK"),
            fits.ImageHDU(masks[1], name="ORMASK"),
            fits.ImageHDU(np.ones(shape, "f4"), name="WAVEDISP"),
            fits.BinTableHDU.from_columns(plugmap, name="PLUGMAP"),
            fits.ImageHDU(np.zeros(shape, "f4"), name="SKY"),
        ]
    )


def spzbest(order: np.ndarray, boss: bool = True, **cards: Any) -> fits.HDUList:
    """Return the classes of the fibres of a plate, in the given order of fibres."""
    count = len(order)
    columns = [
        fits.Column("PLATE", "J", array=np.full(count, PLATE)),
        fits.Column("MJD", "J", array=np.full(count, MJD)),
        fits.Column("FIBERID", "J", array=order),
        fits.Column("CLASS", "6A", array=[CLASSES[i % 4] for i in order]),
        fits.Column("SUBCLASS", "21A", array=[SUBCLASSES[i % 4] for i in order]),
        fits.Column("Z", "E", array=order / 100),
        fits.Column("Z_ERR", "E", array=order / 1e5),
        fits.Column("ZWARNING", "J", array=order % 5),
    ]
    if boss:
        columns.append(fits.Column("SN_MEDIAN", "5E", array=np.ones((count, 5))))
        columns.append(fits.Column("SN_MEDIAN_ALL", "E", array=order / 3))
    else:
        columns.append(fits.Column("SN_MEDIAN", "E", array=order / 7))
    best_fits = fits.ImageHDU(np.zeros((count, PIXELS), "f4"))
    table = fits.BinTableHDU.from_columns(columns)
    return fits.HDUList([_primary(**cards), table, best_fits])


def spzline(order: np.ndarray, **cards: Any) -> fits.HDUList:
    """Return the lines of the fibres of a plate; the error of some says: not measured."""
    count = len(order) * len(LINE_NAMES)
    random = np.random.default_rng(0)
    columns = [
        fits.Column("PLATE", "J", array=np.full(count, PLATE)),
        fits.Column("MJD", "J", array=np.full(count, MJD)),
        fits.Column("FIBERID", "J", array=np.repeat(order, len(LINE_NAMES))),
        fits.Column("LINENAME", "13A", array=LINE_NAMES * len(order)),
    ]
    for measure in ("SIGMA", "AREA", "EW"):
        error = random.uniform(-0.5, 1, count)
        columns.append(fits.Column(f"LINE{measure}", "E", array=random.normal(5, 1, count)))
        columns.append(fits.Column(f"LINE{measure}_ERR", "E", array=error))
    return fits.HDUList([_primary(**cards), fits.BinTableHDU.from_columns(columns)])


def _primary(**cards: Any) -> fits.PrimaryHDU:
    """Return the plate's header without its image, as the catalogues have it."""
    primary = fits.PrimaryHDU()
    primary.header.update({"PLATEID": PLATE, "MJD": MJD, **cards})
    return primary
