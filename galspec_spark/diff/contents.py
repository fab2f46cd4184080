"""What the page of a diff shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from galspec_spark.diff.narrow import Pairs
from galspec_spark.diff.pixels import Rows
from galspec_spark.diff.rates import Rate
from galspec_spark.report.origin import Origin, Simulated
from galspec_spark.spectrum.arrays import Floats
from galspec_spark.warehouse.sample import read_flux
from galspec_spark.warehouse.tables import Warehouse

#: Pairs that are drawn: the first of each kind and cause, so that no cause hides another.
EXAMPLES, OF_A_CAUSE = 6, 2


@dataclass(frozen=True)
class Example:
    """A pair that is drawn."""

    row: Mapping[str, Any]  #: of the table of the diff
    old: Floats  #: (PIXELS,) normalised flux at rest, NaN in gaps; all of them where there is none
    new: Floats


@dataclass(frozen=True)
class DiffReport:
    """What the page and its figures show."""

    releases: tuple[str, str]
    models: tuple[str, str]
    provenance: Mapping[str, str]
    origin: Origin
    simulated: Simulated
    spectra: tuple[int, int]  #: in the old and the new release
    pairs: int  #: in both
    compared: int  #: pairs whose pixels were compared
    table: pa.Table
    flips: Counter[tuple[str, str]]  #: pairs by old and new class, those that stay too
    rates: Sequence[Rate]
    examples: Sequence[Example]

    @cached_property
    def kinds(self) -> Counter[str]:
        """The number of rows of the table by kind."""
        return Counter(self.table["kind"].to_pylist())

    @cached_property
    def causes(self) -> dict[str, Counter[str]]:
        """The number of flips, and of other changes, by their first cause."""
        rows = list(
            zip(self.table["kind"].to_pylist(), self.table["cause"].to_pylist(), strict=True)
        )
        return {
            kind: Counter(cause for found, cause in rows if found == kind)
            for kind in ("flipped", "changed")
        }

    @property
    def classes(self) -> list[str]:
        """The classes of either release, by name."""
        return sorted({name for flip in self.flips for name in flip})

    @property
    def standing_out(self) -> list[Rate]:
        """The plates and fibres that stand out."""
        return [rate for rate in self.rates if rate.stands_out]

    @property
    def groups_standing_out(self) -> int:
        """How many plates and fibres these are."""
        return len({rate.group for rate in self.standing_out})


def read_examples(warehouse: Warehouse, pairs: Pairs, rows: Rows, table: pa.Table) -> list[Example]:
    """Read the spectra of some pairs: no more of a part than their row groups.

    Parameters
    ----------
    rows
        The pairs that the first rows of the table are of.
    """
    found = []
    for number in _chosen(table.slice(0, len(rows))):
        pair = int(rows[number])
        flux = [_flux(warehouse, each, pair) for each in (pairs.old, pairs.new)]
        found.append(Example(table.slice(number, 1).to_pylist()[0], *flux))
    return found


def _chosen(table: pa.Table) -> list[int]:
    """Return the rows to draw, in the order of the table."""
    seen: Counter[tuple[str, str]] = Counter()

    def first() -> Iterator[int]:
        both = zip(table["kind"].to_pylist(), table["cause"].to_pylist(), strict=True)
        for number, key in enumerate(both):
            seen[key] += 1
            if seen[key] <= OF_A_CAUSE:
                yield number

    return [number for number, _ in zip(first(), range(EXAMPLES), strict=False)]


def _flux(warehouse: Warehouse, rows: pa.Table, row: int) -> Floats:
    part, place, name = (rows[column][row].as_py() for column in ("part", "row", "spectrum_id"))
    return read_flux(warehouse.root / part, place, name)
