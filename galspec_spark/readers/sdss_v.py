"""SDSS-V spectra of one target: spec-FIELD-MJD-CATALOGID.fits, lite and full, from DR18 on.

A field takes the place of a plate, and a target that of a fibre: exposures with several fibres may
be added up. DR18 (v6_0_4) and later reductions have different columns.

Data model: https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/lite/FIELD/MJD/
spec-FIELD-MJD-CATALOGID.html
"""

from __future__ import annotations

import re
from itertools import islice

import numpy as np

from galspec_spark.readers.checks import check_columns
from galspec_spark.readers.fits import BadFile, Unit, table, units
from galspec_spark.readers.rows import Cards, Row
from galspec_spark.readers.sdss import pixels
from galspec_spark.readers.sdss_values import (
    LINE_COLUMNS,
    check_whole_numbers,
    classification,
    measured_lines,
    text,
)
from galspec_spark.readers.source import Source

FORMAT = "sdss-v-spec"

#: The units; the exposures of a full file follow.
UNITS = ("PRIMARY", "COADD", "SPALL", "ZALL", "ZLINE")
NAME_COLUMNS = frozenset(["mjd", "catalogid"])
REQUIRED_COLUMNS = NAME_COLUMNS | {
    *("field", "run2d", "objtype", "class", "subclass", "z", "zwarning", "plug_ra", "plug_dec")
}
#: DR18 has FIBERID, later reductions FIBERID_LIST and SDSS_ID.
OPTIONAL_COLUMNS = frozenset(["fiberid", "fiberid_list", "sdss_id", "z_err", "sn_median_all"])
#: A column of SPALL in DR18: its FIELD is that of SDSS's imaging survey.
OF_IMAGING = "camcol"
#: File names of spectra that are added up over fields, such as spec-allepoch-60000-123.fits.
OF_NO_FIELD = re.compile(r"spec-([A-Za-z]\w*)-\d+-.+\.fits", re.ASCII)


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of an SDSS-V spec file."""
    return (
        len(found) >= 3
        and found[1].layout.columns >= {"flux", "loglam", "ivar"}
        and found[2].layout.columns >= NAME_COLUMNS
        and "plate" not in found[2].layout.columns
    )


def read(source: Source) -> list[Row]:
    """Decode one SDSS-V spec file.

    Returns
    -------
    list of dict
        One row of the ``spectra`` table, like that of `galspec_spark.readers.sdss.read`. The plate
        is null, and ``target_id`` is CATALOGID; ``fiber`` is null where there were several.

    Raises
    ------
    BadFile
        If a table is missing or malformed, or is not sampled in steps of 1e-4 dex.
    """
    found = list(islice(units(source.content), len(UNITS)))
    if len(found) < len(UNITS):
        missing = ", ".join(UNITS[len(found) :])
        raise BadFile("truncated", f"the file has only {len(found)} units; missing: {missing}")
    check_columns(found[2], "SPALL", REQUIRED_COLUMNS)
    row = _identity(source, found) | pixels(source.content, found[1])
    lines = table(source.content, found[4], LINE_COLUMNS)
    return [row | measured_lines(lines[np.newaxis])[0]]


def _identity(source: Source, found: list[Unit]) -> Row:
    catalogue = table(source.content, found[2], REQUIRED_COLUMNS | OPTIONAL_COLUMNS)
    if len(catalogue) != 1:
        raise BadFile("malformed", f"SPALL has {len(catalogue)} rows, not one")
    check_whole_numbers(catalogue, ("mjd", "zwarning"))
    check_whole_numbers(catalogue, ("catalogid",), kinds="iu")
    values = dict(zip(catalogue.dtype.names or (), catalogue[0].item(), strict=True))
    field, fiber = _field(source, found, values), _fiber(values)
    target = values["catalogid"] or fiber  # DR18 names unassigned fibres so
    kind = text(values["objtype"])
    return {
        "survey": "sdss",
        "key": f"{field}-{values['mjd']}-{target}",
        "mjd": values["mjd"],
        "fiber": fiber,
        "field": field,
        "target_id": values["catalogid"],
        "run2d": text(values["run2d"]),
        "source_type": kind,
        "ra": values["plug_ra"],
        "dec": values["plug_dec"],
        **classification(values),
        "object_id": None if kind == "SKY" else _object_id(values),
    }


def _field(source: Source, found: list[Unit], values: Cards) -> str:
    """Return the field in six digits, or the name of a sum over fields, which the file's tells."""
    if named := OF_NO_FIELD.fullmatch(source.name):
        return named[1]
    if OF_IMAGING not in found[2].layout.columns:
        field = values["field"]
    else:
        check_columns(found[3], "ZALL", {"field"})
        fields = table(source.content, found[3], {"field"})["field"]
        field = fields[0].item() if len(fields) else 0
    if type(field) is not int or not 0 < field < 1_000_000:
        raise BadFile("malformed", f"FIELD is {field}: the file does not say of which field it is")
    return f"{field:06d}"


def _fiber(values: Cards) -> int | None:
    """Return the fibre of all exposures."""
    if "fiberid_list" not in values:
        return values.get("fiberid")
    fibers = set(text(values["fiberid_list"]).split())
    return int(fibers.pop()) if len(fibers) == 1 else None


def _object_id(values: Cards) -> str | None:
    """Name the object: SDSS_ID unites the identifiers that catalogues gave it; DR18 has one."""
    for name in ("sdss_id", "catalogid"):
        if values.get(name, 0) > 0:
            return f"{name}-{values[name]}"
    return None
