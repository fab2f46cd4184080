"""Emission lines of a plate: spZline-PLATE-MJD.fits, read with the plate.

Data model: https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/PLATE4/RUN1D/spZline.html
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from galspec_spark.readers.fits import BadFile, Content, Unit, cards, table, units
from galspec_spark.readers.rows import Row
from galspec_spark.readers.sdss_values import LINE_COLUMNS, check_of_plate, measured_lines
from galspec_spark.readers.source import Source

FORMAT = "sdss-spzline"

COLUMNS = LINE_COLUMNS | {"plate", "mjd", "fiberid"}


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of spZline.

    A spec file has such a table too, of one fibre.
    """
    return (
        len(found) >= 2 and found[1].layout.columns >= COLUMNS and not cards(found[0], ("FIBERID",))
    )


def read(source: Source) -> list[Row]:
    """Return no rows: the rows of the plate have this file's columns.

    Raises
    ------
    BadFile
        If the lines are of several plates, as in the survey's table of all lines.
    """
    names = table(source.content, source.first_units[1], {"plate", "mjd"})
    if (names != names[:1]).any():
        raise BadFile("malformed", "it is not of one plate and night")
    return []


def lines(content: Content, plate: int, mjd: int) -> dict[int, dict[str, float]]:
    """Decode the lines of a plate: a table with a row for each line of each fibre.

    Returns
    -------
    dict of dict
        By fibre, columns of the ``spectra`` table.

    Raises
    ------
    BadFile
        If the table is malformed, is of another plate, or the lines differ between fibres.
    """
    found = list(islice(units(content), 2))
    if not recognises(found):
        raise BadFile("malformed", "it is not a spZline file")
    fits_of_lines = table(content, found[1], COLUMNS)
    check_of_plate(fits_of_lines, plate, mjd)
    if not len(fits_of_lines):
        return {}
    in_order = fits_of_lines[np.argsort(fits_of_lines["fiberid"], kind="stable")]
    fibers, counts = np.unique(in_order["fiberid"], return_counts=True)
    if counts.min() < counts.max():
        raise BadFile("malformed", "it does not have as many lines for each fibre")
    by_fiber = in_order.reshape(len(fibers), -1)
    if (by_fiber["linename"] != by_fiber["linename"][0]).any():
        raise BadFile("malformed", "it does not have the same lines for each fibre")
    return dict(zip(fibers.tolist(), measured_lines(by_fiber), strict=True))
