"""SDSS spectra of one object of data releases 1 to 7: spSpec-MJD-PLATE-FIBER.fit.

The files come from another pipeline, spectro1d. Columns that it lacks or defines otherwise are
null: it has no subclass, Z_WARNIN has other bits than ZWARNING, line fits have no areas and include
the stellar absorption, and signal-to-noise ratios are of single bands.

Data model: http://classic.sdss.org/dr7/dm/flatFiles/spSpec.html
"""

from __future__ import annotations

from itertools import islice

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.checks import float_pixels, mask_pixels
from galspec_spark.readers.fits import BadFile, Content, Unit, cards, image, table, units
from galspec_spark.readers.rows import Cards, Row
from galspec_spark.readers.sdss_values import (
    card_integer,
    card_number,
    first_loglam_of_header,
    observation,
)
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.arrays import Array

FORMAT = "sdss-spspec"

#: Rows of the primary image; row 1 is the flux less its continuum, row 3 a mask.
FLUX, ERROR = 0, 2
#: Cards that a plate lacks, as it has many fibres, or a spec file, as it has no image.
NAME_CARDS = ("PLATEID", "FIBERID")
#: Number of units; the last has the masks.
UNITS = 7
MASK_COLUMNS = {"and_mask": "andmask", "or_mask": "ormask"}
CARDS = (
    *NAME_CARDS,
    "MJD",
    "COEFF0",
    "COEFF1",
    "RAOBJ",
    "DECOBJ",
    "OBJTYPE",
    "SPEC_CLN",
    "Z",
    "Z_ERR",
)
#: Later pipelines' names for SPEC_CLN: 4 is a high-redshift QSO, 6 a late star, 7 an emission-line
#: galaxy. 0 is unknown.
CLASSES = {1: "STAR", 2: "GALAXY", 3: "QSO", 4: "QSO", 6: "STAR", 7: "GALAXY"}
SKY = 5


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a spSpec file."""
    shape = found[0].layout.shape
    if len(shape) != 2 or shape[0] <= ERROR:
        return False
    return len(cards(found[0], NAME_CARDS)) == len(NAME_CARDS)


def read(source: Source) -> list[Row]:
    """Decode one spSpec file.

    Returns
    -------
    list of dict
        One row of the ``spectra`` table, like that of `galspec_spark.readers.sdss.read`; masks are
        None if the file lacks them.

    Raises
    ------
    BadFile
        If a unit is malformed, or the spectrum is not sampled in steps of 1e-4 dex.
    """
    found = list(islice(units(source.content), UNITS))
    pixels = image(source.content, found[0])
    return [
        {
            **_identity(cards(found[0], CARDS)),
            "flux": float_pixels(pixels[FLUX], "flux"),
            "ivar": float_pixels(_ivar(pixels[ERROR]), "ivar"),
            **_masks(source.content, found),
        }
    ]


def _identity(header: Cards) -> Row:
    plate, mjd, fiber = (card_integer(header, name) for name in ("PLATEID", "MJD", "FIBERID"))
    spectral_class = header.get("SPEC_CLN")
    numbers = {"ra": "RAOBJ", "dec": "DECOBJ", "z": "Z", "z_err": "Z_ERR"}
    return {
        **observation(plate, mjd, fiber),
        "source_type": "SKY" if spectral_class == SKY else header.get("OBJTYPE"),
        **{
            column: card_number(header, name) if name in header else None
            for column, name in numbers.items()
        },
        "class": CLASSES.get(spectral_class) if type(spectral_class) is int else None,
        "loglam0": first_loglam_of_header(header),
    }


def _ivar(error: Array) -> npt.NDArray[np.float64]:
    """Return 1 / error^2, and 0 where there is no information (error <= 0)."""
    informative = error > 0
    with np.errstate(all="ignore"):  # quality flags infinite values
        return np.where(informative, 1 / error.astype(np.float64) ** 2, 0)


def _masks(content: Content, found: list[Unit]) -> dict[str, npt.NDArray[np.int32] | None]:
    """Return the masks of the table: that of the primary image mixes in spectro1d's own bits."""
    wanted = frozenset(MASK_COLUMNS.values())
    unit = next((unit for unit in found if unit.layout.columns >= wanted), None)
    if unit is None and len(found) == UNITS:
        raise BadFile("malformed", "no unit has both masks, ANDMASK and ORMASK")
    if unit is None:
        return dict.fromkeys(MASK_COLUMNS)
    if unit.layout.shape != found[0].layout.shape[1:]:
        raise BadFile("malformed", "the table of masks does not have one row for each pixel")
    masks = table(content, unit, wanted)
    return {column: mask_pixels(masks[name], name) for column, name in MASK_COLUMNS.items()}
