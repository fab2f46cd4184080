"""The narrow columns of a release as one table, and the spectra that two releases share.

The driver reads no pixels here: some 300 bytes a spectrum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.catalog.read import place_in
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.lines.formula import FORMULA_LINES
from galspec_spark.measure.schema import LINES
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.releases import release_names
from galspec_spark.warehouse.sample import sample_place
from galspec_spark.warehouse.sample_rows import read_sample_rows, sample_rows
from galspec_spark.warehouse.schemas import CATALOG, SAMPLE, SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse, place_beside

AREAS = tuple(f"{line}_area" for line in FORMULA_LINES)
ERRORS = tuple(f"{line}_area_err" for line in FORMULA_LINES)
#: Columns of each table that are read; those of ``catalog`` and ``lines`` are null where the
#: release has no such part.
OF_SAMPLE = (
    "spectrum_id",
    "survey",
    "part",
    "z",
    "sn_median",
    "coverage",
    "label",
    "reason",
    "simulated",
)
OF_SPECTRA = ("plate", "mjd", "fiber", "field")
OF_CATALOG = ("class", "probability", "reconstruction_error")
OF_LINES = ("continuum_chi2", "continuum_pixels", *AREAS, *ERRORS)
#: The table of a release: a row a spectrum. ``key`` is what a spectrum is called in any release.
NARROW = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        *(SAMPLE.field(name) for name in OF_SAMPLE),
        *(SPECTRA.field(name) for name in OF_SPECTRA),
        *(CATALOG.field(name).with_nullable(True) for name in OF_CATALOG),
        *(LINES.field(name) for name in OF_LINES),
    ]
)
#: Values that depend on the pixels: where all are the same, so are the pixels.
OF_PIXELS = ("sn_median", "coverage", "reconstruction_error", *OF_LINES)
#: A spectrum that was measured or scored again among others gets other last digits.
ROUNDING = 1e-4

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """The spectra that both releases have: row i of both tables is the same one."""

    old: pa.Table
    new: pa.Table

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.old)

    def numbers(self, name: str) -> tuple[Doubles, Doubles]:
        """Return a column of both; NaN in place of null."""
        return numbers(self.old, name), numbers(self.new, name)

    def unequal(self, name: str) -> Flags:
        """Tell where a column differs; null equals null only."""
        old, new = self.old[name], self.new[name]
        same = pc.fill_null(pc.equal(old, new), False)
        both = pc.and_(pc.is_null(old), pc.is_null(new))
        return np.asarray(pc.invert(pc.or_(same, both)).to_numpy())


def check_releases(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Check that a warehouse has two releases.

    Raises
    ------
    ConfigError
        If it has not, or they are one.
    """
    warehouse.existing_parts("spectra")
    known = release_names(warehouse)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"no release {name!r} in {warehouse.root}: there are {', '.join(known)}"
            )
    if len(set(names)) == 1:
        raise ConfigError(f"both releases are {names[0]!r}: name two of {', '.join(known)}")


def read_release(warehouse: Warehouse, release: str, model: str) -> pa.Table:
    """Read the narrow columns of a release; a copy of a spectrum from another file is left out.

    Parameters
    ----------
    model
        The id of the model whose catalogue is read.

    Raises
    ------
    UserError
        If the model has not classified the release, or the tables have other rows.
    """
    scored = {
        place_in("restframe", part): part for part in catalog_parts(warehouse, model, release)
    }
    measured = {warehouse.place_of(part): part for part in warehouse.parts("lines")}
    sample = open_part(sample_place(warehouse))
    found = [NARROW.empty_table()]
    for place, rows in sample_rows(sample).items():
        folders = partition_values(warehouse.root / place)
        if folders["release"] != release:
            continue
        decided = read_sample_rows(sample, rows, OF_SAMPLE)
        beside = [
            (warehouse.root / place_beside(place, "spectra"), OF_SPECTRA),
            (scored.get(place), OF_CATALOG),
            (measured.get(place_beside(place, "lines")), OF_LINES),
        ]
        columns = dict(zip(OF_SAMPLE, decided.columns, strict=True))
        columns["key"] = _keys(decided["spectrum_id"], folders["survey"], release)
        columns["row"] = pa.array(np.arange(len(decided)))
        for part, names in beside:
            columns |= _beside(part, names, len(decided))
        table = pa.table([columns[name] for name in NARROW.names], schema=NARROW)
        is_copy = pc.fill_null(pc.equal(table["reason"], "duplicate"), False)
        found.append(table.filter(pc.invert(is_copy)))
    return pa.concat_tables(found).combine_chunks()


def match(old: pa.Table, new: pa.Table) -> tuple[Pairs, pa.Table, pa.Table]:
    """Return the spectra of both releases, those only of the old and those only of the new one."""
    place = pc.index_in(old["key"], new["key"].combine_chunks())
    stays = place.is_valid()
    came = pc.invert(pc.is_in(new["key"], old["key"].combine_chunks()))
    pairs = Pairs(old.filter(stays), new.take(place.drop_null()))
    return pairs, old.filter(pc.invert(stays)), new.filter(came)


def may_differ(pairs: Pairs, same_model: bool) -> Flags:
    """Tell which pairs may have other pixels: one of `OF_PIXELS` differs, or none is known.

    Parameters
    ----------
    same_model
        Whether one model classified both: errors of two models say nothing about pixels.
    """
    names = [name for name in OF_PIXELS if same_model or name != "reconstruction_error"]
    differs = np.zeros(len(pairs), bool)
    for name in names:
        old, new = pairs.numbers(name)
        differs |= ~np.isclose(old, new, rtol=ROUNDING, atol=0, equal_nan=True)
    witnesses = ["continuum_chi2", *(["reconstruction_error"] if same_model else [])]
    known = np.any([np.isfinite(pairs.numbers(name)).all(axis=0) for name in witnesses], axis=0)
    return np.asarray(differs | ~known)


def numbers(rows: pa.Table, name: str) -> Doubles:
    """Return a column as numbers; NaN in place of null."""
    values = rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values, np.float64)


def _keys(names: pa.ChunkedArray, survey: str, release: str) -> pa.ChunkedArray:
    """Return survey and key: the names of spectra without the release."""
    begin = f"^{re.escape(f'{survey}-{release}-')}"
    return pc.replace_substring_regex(names, begin, f"{survey}-")


def _beside(
    part: Location | None, names: Sequence[str], count: int
) -> Mapping[str, pa.ChunkedArray]:
    """Read columns of a part of another table that has the same rows; nulls without a part."""
    if part is None:
        return {
            name: pa.chunked_array([pa.nulls(count, NARROW.field(name).type)]) for name in names
        }
    rows = open_part(part).read(list(names))
    if len(rows) != count:
        raise UserError(
            f"{part} has {len(rows)} rows and the table sample {count} of it: "
            "galspec verify tells the remedy"
        )
    return {name: rows[name] for name in names}
