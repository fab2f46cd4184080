"""DESI coadds: coadd-SURVEY-PROGRAM-HEALPIX.fits and coadd-PETAL-TILE-*.fits, many targets a file.

Data model: https://desidatamodel.readthedocs.io/, coadd-SURVEY-PROGRAM-PIXNUM. The three arms share
one grid of 0.8 A: the reader merges overlaps and rebins to steps of 1e-4 dex.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from galspec_spark.readers import desi_redrock
from galspec_spark.readers.checks import check_columns
from galspec_spark.readers.desi_arms import rebinned_spectra
from galspec_spark.readers.fits import BadFile, Unit, cards, table, units
from galspec_spark.readers.rows import Row
from galspec_spark.readers.sdss_values import text
from galspec_spark.readers.source import Source
from galspec_spark.spectrum.masks import PixelMask

FORMAT = "desi-coadd"
#: Merging the arms sets the ivar of masked pixels to 0: rows have no AND_MASK.
PIXEL_MASK = PixelMask({}, bad=())

REQUIRED_COLUMNS = frozenset({"targetid", "target_ra", "target_dec", "objtype"})
#: Coadds of a healpix group lack FIBER: a target may have been on several fibers.
OPTIONAL_COLUMNS = frozenset({"fiber", "min_mjd", "max_mjd"})
#: Names of the table of targets; that of a file cut down may have none.
FIBERMAPS = ("FIBERMAP", "COADD_FIBERMAP")
#: Cards that name the coadded group of exposures, by kind of group.
GROUPS = (("SURVEY", "PROGRAM", "HPXPIXEL"), ("TILEID", "PETAL", "SPGRP", "SPGRPVAL"))


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a coadd."""
    return len(found) > 1 and is_fibermap(found[1]) and is_coadded(found[1])


def is_fibermap(unit: Unit) -> bool:
    """Tell whether a unit is DESI's table of targets and fibers."""
    columns = unit.layout.columns
    if not unit.layout.name:
        return columns >= REQUIRED_COLUMNS and "spectype" not in columns
    return unit.layout.name in FIBERMAPS and "targetid" in columns


def is_coadded(fibermap: Unit) -> bool:
    """Tell whether a fibermap is of coadded spectra, one row a target and not an exposure."""
    columns = fibermap.layout.columns
    return "expid" not in columns or any(name.startswith("coadd_") for name in columns)


def read(source: Source) -> list[Row]:
    """Decode one coadd, with the redshifts of the catalogue beside it.

    Parameters
    ----------
    source
        The file. Only needed units of a large file are read: no resolution matrices.

    Returns
    -------
    list of dict
        Rows of the ``spectra`` table, one for each target, without provenance: scalars, and flux in
        1e-17 erg/s/cm2/A and ivar, float32 of shape (pixels,). Masked pixels have ivar 0; masks are
        left out, for DESI's bits are not SDSS's. Without a catalogue, class and z are left out.

    Raises
    ------
    BadFile
        If a table or an image is missing or malformed, or the arms have no common grid.
    """
    rows = _targets(source)
    redshifts = _redshifts(source)
    found = _by_name(units(source.content))
    spectra = rebinned_spectra(source.content, found, len(rows))
    for row, spectrum in zip(rows, spectra, strict=True):
        row.update(redshifts.get(row["target_id"], {}))
        row.update(spectrum)
    return rows


def _by_name(found: Iterable[Unit]) -> dict[str, Unit]:
    by_name: dict[str, Unit] = {}
    for unit in found:
        if by_name.setdefault(unit.layout.name, unit) is not unit and unit.layout.name:
            raise BadFile("malformed", f"the coadd has the unit {unit.layout.name} twice")
    return by_name


def _targets(source: Source) -> list[Row]:
    """Return the identity of each target, from the fibermap and the primary header."""
    primary, fibermap = source.first_units[:2]
    check_columns(fibermap, "FIBERMAP", REQUIRED_COLUMNS)
    if not fibermap.layout.shape[0]:
        raise BadFile("malformed", "FIBERMAP has no targets")
    values = table(source.content, fibermap, REQUIRED_COLUMNS | OPTIONAL_COLUMNS)
    columns = {name: values[name].tolist() for name in values.dtype.names or ()}
    field, reduction = _field(source, primary), _reduction(primary)
    rows = []
    for i, target in enumerate(columns["targetid"]):
        kind = text(columns["objtype"][i])
        rows.append(
            {
                "survey": "desi",
                "key": f"{field}-{target}",
                "field": field,
                "target_id": target,
                "fiber": columns["fiber"][i] if "fiber" in columns else None,
                "mjd": _day(columns, i),
                "run2d": reduction,
                "object_id": f"desi-{target}" if kind == "TGT" else None,
                "source_type": kind,
                "ra": columns["target_ra"][i],
                "dec": columns["target_dec"][i],
            }
        )
    if len(set(columns["targetid"])) != len(rows):
        raise BadFile("malformed", "FIBERMAP has a target twice")
    return rows


def _day(columns: dict[str, list[Any]], i: int) -> int | None:
    """Return the MJD of a target if all its exposures are of one day."""
    if not {"min_mjd", "max_mjd"} <= set(columns):
        return None
    first, last = columns["min_mjd"][i], columns["max_mjd"][i]
    return int(first) if 0 < first < 2**31 and first // 1 == last // 1 else None


def _field(source: Source, primary: Unit) -> str:
    """Name the coadded group from the header, else from the name of the file."""
    for names in GROUPS:
        values = cards(primary, names)
        if len(values) == len(names):
            return "-".join(str(values[name]) for name in names)
    return source.name.removeprefix("coadd-").removesuffix(".fits")


def _reduction(primary: Unit) -> str | None:
    """Return the name of the reduction, which DESI keeps in pairs of cards DEPNAMnn, DEPVERnn."""
    names = cards(primary, (f"DEPNAM{i:02d}" for i in range(100)))
    number = next((card[-2:] for card, name in names.items() if name == "SPECPROD"), None)
    return cards(primary, [f"DEPVER{number}"]).get(f"DEPVER{number}") if number else None


def _redshifts(source: Source) -> dict[int, Row]:
    """Return the redshifts by target, from the catalogue named like the coadd."""
    prefix, dash, rest = source.name.partition("-")
    if prefix != "coadd":
        return {}
    for kind in ("redrock", "zbest"):
        if companion := source.companion(f"{kind}{dash}{rest}"):
            name, content = companion
            try:
                return desi_redrock.redshifts(content)
            except BadFile as error:
                raise BadFile(error.reason, f"{name} beside it: {error.message}") from None
    return {}
