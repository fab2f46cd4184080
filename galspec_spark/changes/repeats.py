"""Repeat observations and the pairs that are compared.

Only rows of objects with more than one observation are kept: of 10 million spectra, a million of
which are of objects observed twice, the whole job takes 1.5 GB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.changes.compare import COMPARED, Observations
from galspec_spark.errors import UserError
from galspec_spark.lines.linelist import line_lists
from galspec_spark.lines.templates import LIGHT_SPEED
from galspec_spark.measure.schema import LINES
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.parts import open_part, part_exists
from galspec_spark.warehouse.sample import sample_place
from galspec_spark.warehouse.sample_rows import read_sample_rows, sample_rows
from galspec_spark.warehouse.schemas import SAMPLE, SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse, place_beside

#: Further apart are fibres on other parts of a large galaxy, whatever object they are of; arcsec.
SAME_PLACE = 1.0
#: Redshifts that differ by more, times 1 + z, make other lines of the same pixels.
SAME_REDSHIFT = 0.002
#: Columns of each table that are read.
OF_SAMPLE = (
    "spectrum_id", "object_id", "survey", "release", "first_seen", "ra", "dec", "z", "sn_median",
    "is_primary", "label",
)  # fmt: skip
OF_SPECTRA = ("mjd",)
MEASURES = (
    "area", "area_err", "continuum", "continuum_err", "sigma", "chi2", "pixels", "flag",
)  # fmt: skip
OF_LINES = (
    "line_z", "formula_subclass", "formula_margin",
    *(f"{line}_{name}" for line in COMPARED for name in MEASURES),
)  # fmt: skip
#: The table of repeats.
REPEATS = pa.schema(
    [
        *(SAMPLE.field(name) for name in OF_SAMPLE),
        *(SPECTRA.field(name) for name in OF_SPECTRA),
        *(LINES.field(name) for name in OF_LINES),
    ]
)
BATCH_ROWS = 50_000

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """Two observations of one object each, the earlier one first; arrays have a value a pair."""

    first: Rows  #: rows of the table of repeats
    second: Rows
    arcsec: Doubles  #: between their positions
    comparable: Flags  #: whether place and redshift are the same


def read_repeats(warehouse: Warehouse) -> pa.Table:
    """Read the observations of objects that were observed more than once, with their lines.

    Parts without such observations are not opened.

    Raises
    ------
    UserError
        If there is no table ``sample`` or ``lines``, or spectra were not measured.
    """
    warehouse.existing_parts("lines")
    sample = open_part(sample_place(warehouse))
    columns = [*OF_SAMPLE, "reason", "observations"]
    return pa.concat_tables(
        _rows_of(warehouse, part, read_sample_rows(sample, rows, columns))
        for part, rows in sample_rows(sample).items()
    )


def pair_up(repeats: pa.Table) -> Pairs:
    """Pair each observation with its object's best one: n observations make n - 1 pairs.

    The best has the least noise, so that a change is seen as well as can be, and also one that is
    slow. Pairs are of one survey: others have other fibres and calibrations. Of a spectrum that
    several releases have, the one is taken that was seen last.
    """
    rows = _latest(repeats)
    group = _codes(repeats, "object_id", "survey")[rows]
    worse = ~_numbers(repeats["is_primary"]).astype(bool)[rows]
    signal = np.nan_to_num(_numbers(repeats["sn_median"])[rows], nan=-np.inf)
    rows = rows[np.lexsort([_ranks(repeats["spectrum_id"])[rows], -signal, worse, group])]
    group = np.sort(group)
    begins = np.searchsorted(group, group)
    others = np.flatnonzero(begins != np.arange(len(group)))
    best, other = rows[begins[others]], rows[others]
    first, second = _by_time(_numbers(repeats["mjd"]), best, other)
    arcsec = _arcsec(repeats, first, second)
    z = _numbers(repeats["z"])
    with np.errstate(invalid="ignore"):
        same = np.abs(z[second] - z[first]) <= SAME_REDSHIFT * (1 + z[first])
        near = arcsec <= SAME_PLACE
    return Pairs(first, second, arcsec, same & near)


def observations(repeats: pa.Table, rows: Rows) -> Observations:
    """Return the lines of some rows."""
    taken = repeats.take(pa.array(rows))

    def values(name: str) -> Doubles:
        columns = [_numbers(taken[f"{line}_{name}"]) for line in COMPARED]
        return np.reshape(columns, (len(COMPARED), len(rows))).T

    lines = line_lists()["eboss"]  # which has all of them
    wavelength = lines.wavelength[[lines.names.index(line) for line in COMPARED]]
    observed = wavelength * (1 + _numbers(taken["line_z"])[:, None])
    measured = (values("flag") == 0) & (values("area_err") > 0)
    area, area_err, continuum, continuum_err, sigma, chi2, pixels = (
        np.where(measured, values(name), np.nan) for name in MEASURES[:-1]
    )
    width = np.sqrt(2 * np.pi) * sigma / LIGHT_SPEED * observed
    misfit = np.sqrt(np.maximum(chi2 / pixels, 1))
    return Observations(area, area_err * misfit, continuum, continuum_err, width)


def _rows_of(warehouse: Warehouse, part: str, sample: pa.Table) -> pa.Table:
    """Return the repeats among the rows of one part, given their rows of ``sample``."""
    is_copy = pc.fill_null(pc.equal(sample["reason"], "duplicate"), False)
    keep = pc.and_not(pc.greater(sample["observations"], 1), is_copy).to_numpy()
    if not keep.any():
        return REPEATS.empty_table()
    rows = sample.select(OF_SAMPLE).filter(pa.array(keep))
    columns = [*rows.columns]
    for table, made_by, names in (
        ("spectra", "galspec ingest", OF_SPECTRA),
        ("lines", "galspec measure", OF_LINES),
    ):
        place = warehouse.root / place_beside(part, table)
        columns += _beside(place, made_by, names, keep)
    return pa.Table.from_arrays(columns, schema=REPEATS)


def _beside(
    place: Location, made_by: str, names: Sequence[str], keep: Flags
) -> list[pa.ChunkedArray]:
    """Read columns of some rows of a part of another table that has the same rows."""
    if not part_exists(place):
        raise UserError(f"{place} does not exist: run {made_by}")
    file = open_part(place)
    if file.metadata.num_rows != len(keep):
        raise UserError(
            f"{place} has {file.metadata.num_rows} rows and the table sample {len(keep)} of it: "
            f"run {made_by}"
        )
    batches, start = [], 0
    for batch in file.iter_batches(BATCH_ROWS, columns=list(names)):
        batches.append(batch.filter(pa.array(keep[start : start + batch.num_rows])))
        start += batch.num_rows
    found = pa.Table.from_batches(batches)
    return [found[name] for name in names]


def _latest(repeats: pa.Table) -> Rows:
    """Return rows, of each observation the one that was seen last."""
    names = repeats.select(["spectrum_id", "survey", "release"]).to_pydict().values()
    keys = [
        name.removeprefix(f"{survey}-{release}-")
        for name, survey, release in zip(*names, strict=True)
    ]
    group = _codes(
        repeats.append_column("key", pa.array(keys, pa.string())), "object_id", "survey", "key"
    )
    order = np.lexsort([_ranks(repeats["spectrum_id"]), _ranks(repeats["first_seen"]), group])
    ends = np.append(group[order][1:] != group[order][:-1], True)[: len(order)]
    return np.asarray(order[ends])


def _by_time(mjd: Doubles, best: Rows, other: Rows) -> tuple[Rows, Rows]:
    later = mjd[best] > mjd[other]
    return np.where(later, other, best), np.where(later, best, other)


def _arcsec(repeats: pa.Table, first: Rows, second: Rows) -> Doubles:
    """Return the distances on the sky (haversine)."""
    ra, dec = (np.radians(_numbers(repeats[name])) for name in ("ra", "dec"))
    half = [np.sin((angle[second] - angle[first]) / 2) ** 2 for angle in (dec, ra)]
    square = half[0] + np.cos(dec[first]) * np.cos(dec[second]) * half[1]
    return np.asarray(np.degrees(2 * np.arcsin(np.sqrt(square.clip(0, 1)))) * 3600)


def _codes(rows: pa.Table, *columns: str) -> Rows:
    """Return a number for each combination of values."""
    ranks = np.column_stack([_ranks(rows[name]) for name in columns])
    return np.unique(ranks, axis=0, return_inverse=True)[1].reshape(-1)


def _ranks(values: pa.ChunkedArray) -> Rows:
    return np.asarray(pc.rank(values, tiebreaker="dense").to_numpy().astype(np.int64))


def _numbers(values: pa.ChunkedArray) -> Doubles:
    """Return numbers; NaN in place of null."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
