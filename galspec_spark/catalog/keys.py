"""What joins a spectrum of the catalogue with the survey's tables, from the table ``spectra``."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.catalog.survey_pages import survey_pages
from galspec_spark.warehouse.columns import column
from galspec_spark.warehouse.schemas import SPECTRA

#: Columns of ``spectra`` that keys are, or are made of.
STORED = (
    "plate", "mjd", "fiber", "field", "target_id", "run2d", "z_err", "zwarning", "subclass",
    "simulated", "file",
)  # fmt: skip
#: The keys. ``specobjid`` is text, as in SDSS's own files: it needs all of 64 bits. ``url`` is
#: the survey's page of the spectrum where it has one, else the file.
KEYS = pa.schema(
    [
        *(SPECTRA.field(name) for name in STORED if name != "file"),
        column("specobjid", pa.string(), "SPECOBJID of SDSS, as of DR8 and later", "meta.id;obs"),
        column(
            "url", pa.string(), "The survey's page of the spectrum, or the file", "meta.ref.url"
        ),
    ]
)
#: Versions of the reduction of BOSS and eBOSS; those of SDSS-I and II are numbers.
BOSS_VERSION = re.compile(r"v5_(\d+)_(\d+)", re.ASCII)


def keys_of(spectra: pa.Table, survey: str) -> list[pa.Array]:
    """Return the columns `KEYS` of rows with the columns `STORED`."""
    rows = spectra.combine_chunks()
    columns = {name: rows[name].combine_chunks() for name in STORED}
    if survey == "sdss":
        columns["specobjid"] = _specobjid(rows)
    else:
        columns["specobjid"] = pa.nulls(len(rows), pa.string())
    columns["url"] = pc.coalesce(survey_pages(rows, survey), columns["file"])
    return [columns[field.name].cast(field.type) for field in KEYS]


def _specobjid(rows: pa.Table) -> pa.Array:
    """Return SDSS's SPECOBJID, of DR8 and later; null where the reduction has none.

    Plate from bit 50, fibre from bit 38, MJD less 50000 from bit 24 and the version of the
    reduction from bit 10, as the function SDSS_SPECOBJID of its software idlutils says.
    """
    version = _versions(rows["run2d"])
    numbers = [rows[name] for name in ("plate", "fiber", "mjd")]
    is_known = version.is_valid()
    for each in numbers:
        is_known = pc.and_(is_known, each.is_valid())
    plate, fiber, mjd, run2d = (
        each.fill_null(0).to_numpy().astype(np.uint64) for each in (*numbers, version)
    )
    night = mjd - np.where(mjd, np.uint64(50_000), np.uint64(0))
    shifts = (50, 38, 24, 10)
    parts = zip((plate, fiber, night, run2d), shifts, strict=True)
    bits = np.bitwise_or.reduce([part << np.uint64(shift) for part, shift in parts])
    return pa.array(bits.astype(str), mask=~is_known.to_numpy())


def _versions(run2d: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the numbers of versions of the reduction, as SPECOBJID has them; else null."""
    names = pc.unique(run2d)
    numbers = pa.array([_version(name) for name in names.to_pylist()], pa.int64())
    return numbers.take(pc.index_in(run2d, names).combine_chunks())


def _version(name: str | None) -> int | None:
    of_boss = BOSS_VERSION.fullmatch(name or "")
    if of_boss:
        return 100 * int(of_boss[1]) + int(of_boss[2])
    return int(name) if name and name.isdecimal() and name.isascii() else None
