"""DESI's catalogue of redshifts: redrock-*.fits, or zbest-*.fits of early reductions.

Data model: https://desidatamodel.readthedocs.io/, redrock-SURVEY-PROGRAM-PIXNUM. The catalogue is
read with the coadd beside it; it has no spectra of its own.
"""

from __future__ import annotations

from galspec_spark.readers.fits import BadFile, Content, Unit, table, units
from galspec_spark.readers.rows import Row
from galspec_spark.readers.sdss_values import text
from galspec_spark.readers.source import Source

FORMAT = "desi-redrock"

#: A table without a name is known by its columns; another name is of a catalogue of many coadds.
UNIT_NAMES = ("REDSHIFTS", "ZBEST", "")
COLUMNS = frozenset({"targetid", "z", "zerr", "zwarn", "spectype", "subtype"})


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a redshift catalogue."""
    return any(_is_catalogue(unit) for unit in found)


def read(source: Source) -> list[Row]:
    """Check the catalogue; it has no spectra of its own.

    Raises
    ------
    BadFile
        If it is malformed.
    """
    redshifts(source.content)
    return []


def redshifts(content: Content) -> dict[int, Row]:
    """Decode a catalogue.

    Returns
    -------
    dict
        By TARGETID, the columns of the ``spectra`` table: class, subclass, z, z_err, zwarning.
        Bits 0 to 9 of Redrock's warnings are SDSS's; higher bits are kept. Redrock subdivides
        stars only: the subclass of galaxies and quasars is null, not empty.

    Raises
    ------
    BadFile
        If the catalogue does not have one whole table of redshifts, or has a target twice.
    """
    tables = [unit for unit in units(content) if _is_catalogue(unit)]
    if len(tables) != 1:
        raise BadFile("malformed", f"the catalogue has {len(tables)} tables of redshifts, not 1")
    catalogue = table(content, tables[0], COLUMNS)
    if catalogue["targetid"].dtype.kind != "i":
        raise BadFile("malformed", "TARGETID is not a whole number")
    columns = (catalogue[name].tolist() for name in sorted(COLUMNS))
    by_target = {}
    for spectype, subtype, target, z, error, warning in zip(*columns, strict=True):
        if not 0 <= warning < 2**31:
            raise BadFile("malformed", f"ZWARN of target {target} is {warning}")
        spectral_class = text(spectype)
        by_target[target] = {
            "class": spectral_class,
            "subclass": text(subtype) if spectral_class == "STAR" else None,
            "z": z,
            "z_err": error,
            "zwarning": warning,
        }
    if len(by_target) != len(catalogue):
        raise BadFile("malformed", "the catalogue has a target twice")
    return by_target


def _is_catalogue(unit: Unit) -> bool:
    return unit.layout.name in UNIT_NAMES and unit.layout.columns >= COLUMNS
