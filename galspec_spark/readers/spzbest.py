"""Classes and redshifts of a plate: spZbest-PLATE-MJD.fits, read with the plate.

Data model: https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/PLATE4/RUN1D/spZbest.html
"""

from __future__ import annotations

from itertools import islice

from galspec_spark.readers.fits import BadFile, Content, Unit, table, units
from galspec_spark.readers.rows import Row
from galspec_spark.readers.sdss_values import check_of_plate, classification
from galspec_spark.readers.source import Source

FORMAT = "sdss-spzbest"

REQUIRED_COLUMNS = frozenset(
    ["plate", "mjd", "fiberid", "class", "subclass", "z", "z_err", "zwarning"]
)
OPTIONAL_COLUMNS = frozenset(["sn_median", "sn_median_all", "bestobjid", "thing_id"])


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of spZbest.

    spZall has the same columns, with many fits for each fibre, and no image of the best fits.
    """
    return (
        len(found) >= 3
        and found[1].layout.columns >= REQUIRED_COLUMNS
        and not found[2].layout.columns
        and found[2].layout.shape[:1] == found[1].layout.shape
    )


def read(source: Source) -> list[Row]:
    """Return no rows: the rows of the plate have this file's columns."""
    return []


def classifications(content: Content, plate: int, mjd: int) -> dict[int, Row]:
    """Decode the catalogue of a plate.

    Returns
    -------
    dict of dict
        By fibre, columns of the ``spectra`` table.

    Raises
    ------
    BadFile
        If the catalogue is malformed, is of another plate, or has a fibre twice.
    """
    found = list(islice(units(content), 4))
    if not recognises(found):
        raise BadFile("malformed", "it is not a spZbest file")
    catalogue = table(content, found[1], REQUIRED_COLUMNS | OPTIONAL_COLUMNS)
    check_of_plate(catalogue, plate, mjd)
    names = catalogue.dtype.names or ()
    by_fiber = {}
    for row in catalogue.tolist():
        values = dict(zip(names, row, strict=True))
        if "sn_median_all" not in values and "sn_median" in values:
            values["sn_median_all"] = values["sn_median"]
        by_fiber[values["fiberid"]] = classification(values)
    if len(by_fiber) < len(catalogue):
        raise BadFile("malformed", "it has a fibre twice")
    return by_fiber
