"""SDSS, BOSS and eBOSS spectra of one object: spec-PLATE-MJD-FIBER.fits, lite and full.

Data model: https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galspec_spark.readers.checks import check_columns, float_pixels, mask_pixels
from galspec_spark.readers.fits import BadFile, Content, Unit, table
from galspec_spark.readers.rows import Row
from galspec_spark.readers.sdss_values import (
    LINE_COLUMNS,
    check_whole_numbers,
    classification,
    first_loglam,
    measured_lines,
    observation,
    text,
)
from galspec_spark.readers.source import Source

FORMAT = "sdss-spec"

COADD_COLUMNS = frozenset(["flux", "loglam", "ivar", "and_mask", "or_mask"])
IDENTITY_COLUMNS = frozenset(
    ["plate", "mjd", "fiberid", "class", "subclass", "z", "zwarning", "plug_ra", "plug_dec"]
)
#: Columns that only SPECOBJ or only SPALL has, or that early reductions lack.
OPTIONAL_COLUMNS = frozenset(
    ["run2d", "bestobjid", "thing_id", "sourcetype", "objtype", "z_err", "sn_median_all"]
)
CATALOGUE_COLUMNS = IDENTITY_COLUMNS | OPTIONAL_COLUMNS
#: Columns that name a spectrum: units of eBOSS (v5_13_0) have no names.
NAME_COLUMNS = frozenset(["plate", "mjd", "fiberid"])


def recognises(found: list[Unit]) -> bool:
    """Tell whether the first header-data units of a file are those of a spec file."""
    return (
        len(found) >= 3
        and found[1].layout.columns >= {"flux", "loglam", "ivar"}
        and (
            found[2].layout.name in ("SPECOBJ", "SPALL") or found[2].layout.columns >= NAME_COLUMNS
        )
    )


def read(source: Source) -> list[Row]:
    """Decode one spec file.

    Parameters
    ----------
    source
        The file. Only its first four units are read; the exposures of a full file follow.

    Returns
    -------
    list of dict
        One row of the ``spectra`` table, without provenance: scalars, and arrays of shape
        (pixels,): flux in 1e-17 erg/s/cm2/A and ivar float32, and_mask and or_mask int32.

    Raises
    ------
    BadFile
        If a table is malformed or is not sampled in steps of 1e-4 dex.
    """
    content, found = source.content, source.first_units
    if len(found) < 4:
        raise BadFile("truncated", f"the file ends after unit {len(found)} of the 4 of a spec file")
    check_columns(found[2], "SPECOBJ", IDENTITY_COLUMNS)
    row = _identity(table(content, found[2], CATALOGUE_COLUMNS)) | pixels(content, found[1])
    if found[3].layout.columns & LINE_COLUMNS:
        row.update(measured_lines(table(content, found[3], LINE_COLUMNS)[np.newaxis])[0])
    return [row]


def pixels(content: Content, coadd: Unit) -> Row:
    """Return the first log10 wavelength and the arrays of a table COADD.

    Raises
    ------
    BadFile
        If a column is missing or of another type, or the steps are not 1e-4 dex.
    """
    check_columns(coadd, "COADD", COADD_COLUMNS)
    columns = table(content, coadd, COADD_COLUMNS)
    return {
        "loglam0": first_loglam(columns["loglam"]),
        **{name: float_pixels(columns[name], name) for name in ("flux", "ivar")},
        **{name: mask_pixels(columns[name], name) for name in ("and_mask", "or_mask")},
    }


def _identity(catalogue: npt.NDArray[np.void]) -> Row:
    if len(catalogue) != 1:
        raise BadFile("malformed", f"SPECOBJ has {len(catalogue)} rows, not one")
    values = dict(zip(catalogue.dtype.names or (), catalogue[0].item(), strict=True))
    check_whole_numbers(catalogue, ("plate", "mjd", "fiberid", "zwarning"))
    source_type = values.get("sourcetype", values.get("objtype"))
    return {
        **observation(values["plate"], values["mjd"], values["fiberid"]),
        "run2d": text(values["run2d"]) if "run2d" in values else None,
        "source_type": None if source_type is None else text(source_type),
        "ra": values["plug_ra"],
        "dec": values["plug_dec"],
        **classification(values),
    }
