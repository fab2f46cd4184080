"""SDSS and BOSS plates: spPlate-PLATE-MJD.fits, with spZbest and spZline beside it.

Row i of each unit is of one fibre. A plate has no classes and redshifts; without its spZbest they
are null.

Data model: https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/PLATE4/spPlate.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

import numpy as np
import numpy.typing as npt

from galspec_spark.readers import spzbest, spzline
from galspec_spark.readers.checks import float_pixels, mask_pixels
from galspec_spark.readers.fits import BadFile, Content, Unit, cards, image, table, units
from galspec_spark.readers.rows import Cards, Row
from galspec_spark.readers.sdss_values import (
    card_integer,
    first_loglam_of_header,
    observation,
    text,
)
from galspec_spark.readers.source import Source

FORMAT = "sdss-plate"

#: The last unit is not read; the earliest plates have another unit in its place.
UNITS = ("flux", "ivar", "andmask", "ormask", "wavelength dispersion", "plugmap", "sky")
#: Position in `UNITS` and conversion of each array column.
PIXELS = {
    "flux": (0, float_pixels),
    "ivar": (1, float_pixels),
    "and_mask": (2, mask_pixels),
    "or_mask": (3, mask_pixels),
}
PLUGMAP = 5
PLUGMAP_COLUMNS = frozenset(["fiberid", "ra", "dec", "objtype"])
CARDS = ("PLATEID", "MJD", "RUN2D", "RUN1D", "COEFF0", "COEFF1")
#: Fibres decoded at once: 1.2 MB of each image.
CHUNK = 64


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a plate.

    A field of SDSS-V has a row for each target, not for each fibre.
    """
    if len(found[0].layout.shape) != 2:
        return False
    header = cards(found[0], ("PLATEID", "COEFF0", "FIBERID", "FIELDID"))
    return header.keys() == {"PLATEID", "COEFF0"}


def read(source: Source) -> list[Row]:
    """Decode a plate.

    Parameters
    ----------
    source
        The file. The reader looks for ``spZbest-PLATE-MJD.fits`` and ``spZline-PLATE-MJD.fits``
        beside it, and in a folder beside it named after the header's RUN1D or RUN2D.

    Returns
    -------
    list of dict
        One row of the ``spectra`` table for each fibre, like those of
        `galspec_spark.readers.sdss.read`; without spZbest no class, without spZline no lines.

    Raises
    ------
    BadFile
        If a unit is missing, a unit or a catalogue beside the plate is malformed, or the plate is
        not sampled in steps of 1e-4 dex.
    """
    found = list(islice(units(source.content), len(UNITS)))
    if len(found) < len(UNITS):
        missing = ", ".join(UNITS[len(found) :])
        raise BadFile("truncated", f"the plate has only {len(found)} units; missing: {missing}")
    _check_shapes(found)
    header = cards(found[0], CARDS)
    plugmap = table(source.content, found[PLUGMAP], PLUGMAP_COLUMNS)
    rows = _fibers(plugmap, header)
    for name, (position, checked) in PIXELS.items():
        for start in range(0, len(rows), CHUNK):
            pixels = image(source.content, found[position], slice(start, start + CHUNK))
            for row, values in zip(rows[start:], checked(pixels, name), strict=False):
                row[name] = values
    for name, catalogue in (("spZbest", spzbest.classifications), ("spZline", spzline.lines)):
        by_fiber = _beside(source, name, header, catalogue)
        for row in rows:
            row.update(by_fiber.get(row["fiber"], {}))
    return rows


def _check_shapes(found: list[Unit]) -> None:
    fibers, pixels = found[0].layout.shape
    for position, _ in PIXELS.values():
        layout = found[position].layout
        if layout.columns or layout.shape != (fibers, pixels):
            raise BadFile("malformed", f"the {UNITS[position]} is not an image of the flux's shape")
    plugmap = found[PLUGMAP].layout
    if not plugmap.columns >= PLUGMAP_COLUMNS or plugmap.shape != (fibers,):
        message = f"the plugmap is not a table of {fibers} fibres with FIBERID, RA, DEC, OBJTYPE"
        raise BadFile("malformed", message)


def _fibers(plugmap: npt.NDArray[np.void], header: Cards) -> list[Row]:
    """Return the rows without arrays and measurements; unplugged fibres have no position."""
    plate, mjd = card_integer(header, "PLATEID"), card_integer(header, "MJD")
    plugged = plugmap["fiberid"] > 0
    fibers = np.where(plugged, plugmap["fiberid"], np.arange(1, len(plugmap) + 1))
    if len(np.unique(fibers)) < len(fibers):
        raise BadFile("malformed", "the plugmap has a fibre twice")
    common = {
        "run2d": str(header["RUN2D"]) if "RUN2D" in header else None,
        "loglam0": first_loglam_of_header(header),
    }
    return [
        {
            **observation(plate, mjd, fiber),
            **common,
            "source_type": text(objtype) or None,
            "ra": ra if is_plugged else None,
            "dec": dec if is_plugged else None,
        }
        for fiber, is_plugged, objtype, ra, dec in zip(
            fibers.tolist(),
            plugged.tolist(),
            *(plugmap[name].tolist() for name in ("objtype", "ra", "dec")),
            strict=True,
        )
    ]


def _beside(
    source: Source,
    kind: str,
    header: Cards,
    decode: Callable[[Content, int, int], dict[int, Row]],
) -> dict[int, Row]:
    """Return the columns of a catalogue beside the plate, by fibre; empty without a catalogue."""
    plate, mjd = header["PLATEID"], header["MJD"]
    runs = [str(header[name]) for name in ("RUN1D", "RUN2D") if name in header]
    folders = ["", *(f"{run}/" for run in dict.fromkeys(runs) if re.fullmatch(r"\w+", run))]
    for folder in folders:
        if companion := source.companion(f"{folder}{kind}-{plate:04d}-{mjd}.fits"):
            name, content = companion
            try:
                return decode(content, plate, mjd)
            except BadFile as error:
                raise BadFile(error.reason, f"{name} beside the plate: {error.message}") from None
    return {}
