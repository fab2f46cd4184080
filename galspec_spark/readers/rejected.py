"""Kinds of files that archives hold but no reader decodes: each is rejected with a reason.

The content tells the kind, as its data model describes. LAMOST: http://dr7.lamost.org/v1/doc/
mr-data-production-description. 6dFGS: http://www-wfau.roe.ac.uk/6dFGS/fits.html. DESI:
https://desidatamodel.readthedocs.io/. MaNGA: https://data.sdss.org/datamodel/files/MANGA_SPECTRO_REDUX/.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from galspec_spark.readers.desi import is_coadded, is_fibermap
from galspec_spark.readers.fits import BadFile, Unit, cards
from galspec_spark.readers.rows import Row
from galspec_spark.readers.source import Source

FORMAT = "unsupported"

MEDIUM_RESOLUTION_UNIT = re.compile(r"COADD_[BR]|[BR]-\d+")


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are of a kind that is not read."""
    return any(test(found) for test in KINDS.values())


def read(source: Source) -> list[Row]:
    """Reject the file.

    Raises
    ------
    BadFile
        Always; the message names the kind of file.
    """
    kind = next(kind for kind, test in KINDS.items() if test(source.first_units))
    raise BadFile("unsupported", kind)


def _is_lamost_medium_resolution(found: list[Unit]) -> bool:
    return any(MEDIUM_RESOLUTION_UNIT.fullmatch(unit.layout.name) for unit in found)


def _is_6dfgs(found: list[Unit]) -> bool:
    """Tell by the rows (spectrum, variance, sky, wavelength) and the redshift cards."""
    rows = found[0].layout.shape[:1]
    needed = ("TARGET", "OBSRA", "OBSDEC", "Z_HELIO", "QUALITY")
    return rows in ((3,), (4,)) and len(cards(found[0], needed)) == len(needed)


def _is_sdss_v_field(found: list[Unit]) -> bool:
    needed = ("FIELDID", "COEFF0")
    return len(found[0].layout.shape) == 2 and len(cards(found[0], needed)) == len(needed)


def _is_manga(found: list[Unit]) -> bool:
    return "MANGAID" in cards(found[0], ["MANGAID"])


def _is_desi_frame(found: list[Unit]) -> bool:
    return [unit.layout.name for unit in found] == ["FLUX", "IVAR", "MASK", "WAVELENGTH"]


def _is_desi_exposures(found: list[Unit]) -> bool:
    has_arms = any(unit.layout.name.endswith("_WAVELENGTH") for unit in found)
    return has_arms and is_fibermap(found[1]) and not is_coadded(found[1])


KINDS: dict[str, Callable[[list[Unit]], bool]] = {
    "a LAMOST medium-resolution spectrum; only low resolution is read": (
        _is_lamost_medium_resolution
    ),
    "a 6dFGS spectrum; it is not flux calibrated": _is_6dfgs,
    "an SDSS-V field of many targets; their spec files are read": _is_sdss_v_field,
    "a MaNGA data cube or set of fibers; only single spectra are read": _is_manga,
    "a DESI frame of one exposure; its coadd is read": _is_desi_frame,
    "DESI spectra of single exposures; their coadd is read": _is_desi_exposures,
}
