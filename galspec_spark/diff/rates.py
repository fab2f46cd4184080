"""Rates by plate and fibre: one that failed between two releases stands out.

A group (a plate or a fibre) of n spectra, k of them changed, is compared with the N spectra of its
survey, K of them changed: the probability of k or more among n drawn from these is hypergeometric,
which is Fisher's exact test to one side. It stands out where that is below `LEVEL` divided by
the number of tests (Bonferroni): 99 of 100 pairs of releases whose changes fall anywhere have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from galspec_spark.diff.narrow import Flags
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.columns import required
from galspec_spark.warehouse.fields import SURVEY

LEVEL = 0.01
#: What is counted, and what each means.
MEASURES = {
    "flipped": "another class",
    "changed": "another flux or mask",
    "vanished": "in the old release only",
}
KINDS = ("fibre", "plate")
#: The spectrograph at the end of LAMOST's fields: each has its own fibre 1.
SPECTROGRAPH = r"_(?P<name>sp\d+)$"


#: The table of rates, those that stand out first; ``expected`` is the share of all the survey's.
RATES = pa.schema(
    [
        required("kind", pa.string(), "fibre or plate", "meta.code"),
        SURVEY,
        required("name", pa.string(), "Name of the fibre or plate", "meta.id"),
        required("measure", pa.string(), "What is counted", "meta.code"),
        required("changed", pa.int64(), "Number of its spectra that changed so", "meta.number"),
        required("spectra", pa.int64(), "Number of its spectra", "meta.number"),
        required("expected", pa.float64(), "Share of all of the survey's", "stat.value"),
        required("p_value", pa.float64(), "Chance of as many or more", "stat.probability"),
        required("stands_out", pa.bool_(), "Whether it stands out", "meta.code.qual"),
    ]
)


@dataclass(frozen=True)
class Rate:
    """How many spectra of a plate or fibre changed in some way."""

    kind: str  #: of `KINDS`
    survey: str
    name: str
    measure: str  #: of `MEASURES`
    changed: int
    spectra: int
    expected: float  #: the share of the survey's spectra
    p_value: float
    stands_out: bool

    @property
    def group(self) -> tuple[str, str, str]:
        """The plate or fibre."""
        return self.kind, self.survey, self.name

    def in_words(self) -> str:
        """Return what stands out as a line."""
        return (
            f"{self.kind} {self.name} of {self.survey}: {self.changed:,} of {self.spectra:,} "
            f"{self.measure}, {self.expected:.1%} in all"
        )


def find_rates(pairs: pa.Table, vanished: pa.Table, counted: Mapping[str, Flags]) -> list[Rate]:
    """Count by fibre and plate; those that stand out first, then by p.

    Parameters
    ----------
    pairs, vanished
        Rows of the old release; all rows of ``vanished`` have vanished.
    counted
        Which pairs each measure but "vanished" counts.
    """
    everything = pa.concat_tables([pairs, vanished])
    is_gone = np.arange(len(everything)) >= len(pairs)
    found: list[Rate] = []
    for measure in MEASURES:
        rows, flags = (everything, is_gone) if measure == "vanished" else (pairs, counted[measure])
        for kind in KINDS:
            found += list(_rates(rows, flags, kind, measure))
    limit = LEVEL / max(len(found), 1)
    tested = [replace(rate, stands_out=rate.p_value < limit) for rate in found]
    return sorted(tested, key=lambda rate: (rate.p_value, rate.kind, rate.survey, rate.name))


def rates_table(rates: Sequence[Rate]) -> pa.Table:
    """Return all rates as a table, a row each."""
    return pa.Table.from_pylist([asdict(rate) for rate in rates], RATES)


def _rates(rows: pa.Table, flags: Flags, kind: str, measure: str) -> Iterator[Rate]:
    names = _fibres(rows) if kind == "fibre" else _plates(rows)
    counts = (
        pa.table({"survey": rows["survey"], "name": names, "flag": flags.astype(np.int64)})
        .filter(pc.is_valid(names))
        .group_by(["survey", "name"])
        .aggregate([("flag", "sum"), ("flag", "count")])
    )
    survey = np.array(counts["survey"].to_pylist(), object)
    changed, spectra = (counts[f"flag_{name}"].to_numpy() for name in ("sum", "count"))
    for each in sorted(set(survey)):
        group = survey == each
        k, n = changed[group], spectra[group]
        p: Doubles = stats.hypergeom.sf(k - 1, n.sum(), k.sum(), n)
        names_here = np.array(counts["name"].to_pylist(), object)[group]
        share = float(k.sum() / n.sum())
        for name, ours, all_, value in zip(names_here, k, n, p, strict=True):
            yield Rate(kind, each, name, measure, int(ours), int(all_), share, float(value), False)


def _fibres(rows: pa.Table) -> pa.ChunkedArray:
    """Return the names of fibres, with the spectrograph where each has its own; else null."""
    number = rows["fiber"].cast(pa.string())
    found = pc.struct_field(pc.extract_regex(rows["field"], SPECTROGRAPH), "name")
    return pc.coalesce(pc.binary_join_element_wise(found, number, " "), number)


def _plates(rows: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(rows["plate"].cast(pa.string()), rows["field"])
