"""Decode a survey's files to rows of the ``spectra`` table, one module per kind of file.

A reader module has ``FORMAT``, ``recognises(units)`` for the first header-data units of a file, and
``read(source)``. The content of a file tells its format, never its name.
"""

from __future__ import annotations

from galspec_spark.readers import (
    desi,
    desi_redrock,
    lamost,
    rejected,
    sdss,
    sdss_masks,
    sdss_v,
    spplate,
    spspec,
    spzbest,
    spzline,
)
from galspec_spark.readers.checks import check_row, from_0_to_360
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.rows import Row
from galspec_spark.readers.simulated import is_simulated
from galspec_spark.readers.source import Source

READERS = (sdss_v, sdss, spplate, spspec, spzbest, spzline, lamost, desi, desi_redrock, rejected)

#: Meaning of the bits of AND_MASK, by survey.
PIXEL_MASKS = {
    "sdss": sdss_masks.PIXEL_MASK,
    "lamost": lamost.PIXEL_MASK,
    "desi": desi.PIXEL_MASK,
}


def read_spectra(source: Source) -> tuple[str, list[Row]]:
    """Decode a file of any known format.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    format
        The reader's name, for example ``sdss-spec``.
    rows
        From the reader (see `galspec_spark.readers.sdss.read`); none for a catalogue, which is
        read together with its spectra.

    Raises
    ------
    BadFile
        If the file is broken or of no known format.
    """
    try:
        return _read(source)
    except BadFile:
        raise
    except Exception as error:  # damaged bytes fail anywhere, in astropy and numpy too
        cause = " ".join(str(error).split())
        message = f"the file cannot be decoded: {type(error).__name__}: {cause}"
        raise BadFile("malformed", message) from error


def _read(source: Source) -> tuple[str, list[Row]]:
    found = source.first_units
    for reader in READERS:
        if reader.recognises(found):
            rows = reader.read(source)
            simulated = is_simulated(found[0].header)
            for row in rows:
                check_row(row)
                row["ra"] = from_0_to_360(row.get("ra"))
                row["simulated"] = simulated
            return reader.FORMAT, rows
    names = ", ".join(unit.layout.name or "unnamed" for unit in found)
    raise BadFile("unknown_format", f"FITS, but of no known kind: units {names}")
