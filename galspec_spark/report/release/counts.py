"""Counts of a release's catalogue: one pass over its narrow columns.

Redshift, S/N, probability and sky are counted in fixed bins that do not depend on the data, so a
single aggregate suffices; figures merge the bins.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from galspec_spark.labels import AGN, Classes
from galspec_spark.warehouse.flags import ABSTAIN, FLAG_BITS
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.sample import sample_place
from galspec_spark.warehouse.sample_rows import read_sample_rows, sample_rows
from galspec_spark.warehouse.tables import Warehouse

Integers = npt.NDArray[np.int64]

#: Columns read from the catalogue.
COLUMNS = ("class", "reason", "flags", "z", "sn_median", "probability", "healpix29")
SKY_ORDER = 5  #: HEALPix, nested: 12,288 pixels of 1.8 degrees


@dataclass(frozen=True)
class Bins:
    """Equal bins of a quantity or of its logarithm; the first and last hold values beyond."""

    low: float
    high: float
    number: int
    is_log: bool = False

    def edges(self) -> npt.NDArray[np.float64]:
        """Return the limits of the bins, in the unit of the quantity."""
        steps = np.linspace(self.low, self.high, self.number + 1)
        return np.asarray(10.0**steps if self.is_log else steps)

    def place(self, value: Column) -> Column:
        """Return the number of a value's bin; null without a value."""
        # The logarithm of 0 or less is null: there is no signal to place.
        position = F.log10(F.when(value > 0, value)) if self.is_log else value
        step = (self.high - self.low) / self.number
        bin_ = F.floor((position - self.low) / step)
        last = F.lit(self.number - 1)
        inside = F.when(bin_ < 0, F.lit(0)).when(bin_ > last, last).otherwise(bin_)
        return F.when(~F.isnan(position), inside)


BINS = {
    "z": Bins(0.0, 4.0, 800),
    "sn_median": Bins(-1.0, 3.0, 80, is_log=True),
    "probability": Bins(0.0, 1.0, 50),
}


@dataclass
class Counts:
    """Numbers of spectra, by class and bin."""

    model: Classes  #: the model's classes
    left_out: Counter[str] = field(default_factory=Counter)  #: by reason
    flags: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    #: By quantity and class: numbers of spectra in each bin, without spectra left out. The quantity
    #: ``sky`` has pixels of `SKY_ORDER`; None is the bin of missing values.
    bins: dict[tuple[str, str], Counter[int | None]] = field(
        default_factory=lambda: defaultdict(Counter)
    )

    @property
    def given(self) -> tuple[str, ...]:
        """Return the classes where the model gave an answer, AGN first."""
        return self.model.names[::-1]

    @property
    def names(self) -> tuple[str, ...]:
        """Return all values of ``class`` in the order of the page."""
        return (*self.given, ABSTAIN)

    @property
    def spectra(self) -> int:
        """Return the number of all spectra."""
        return self.classes.total()

    @property
    def used(self) -> int:
        """Return the number of spectra not left out."""
        return self.spectra - self.left_out.total()

    @property
    def classified(self) -> int:
        """Return the number of spectra given a class."""
        return sum(self.classes[name] for name in self.given)

    @property
    def agn(self) -> int:
        """Return the number of spectra called AGN."""
        return self.classes[AGN]

    def histogram(self, quantity: str, name: str) -> Integers:
        """Return the counts of a class in the bins of a quantity of `BINS`."""
        counts = self.bins[quantity, name]
        return np.array([counts[bin_] for bin_ in range(BINS[quantity].number)], np.int64)

    def sky(self, classes: Sequence[str]) -> Integers:
        """Return the counts of some classes in each pixel of the sky."""
        counts = np.zeros(12 * 4**SKY_ORDER, np.int64)
        for name in classes:
            placed = {pixel: n for pixel, n in self.bins["sky", name].items() if pixel is not None}
            counts[list(placed.keys())] += np.array(list(placed.values()), np.int64)
        return counts


def count(catalog: DataFrame, model: Classes) -> Counts:
    """Count the spectra of a catalogue that has `COLUMNS`, in one pass.

    Parameters
    ----------
    model
        The classes of the model that made it.
    """
    value = {name: bins.place(F.col(name).cast("double")) for name, bins in BINS.items()}
    value["sky"] = F.shiftright("healpix29", 2 * (29 - SKY_ORDER))
    value["flags"] = F.col("flags")
    is_used = F.col("reason").isNull()
    rows = (
        catalog.select(
            "class",
            "reason",
            *(
                (v if name == "flags" else F.when(is_used, v)).cast("long").alias(name)
                for name, v in value.items()
            ),
        )
        .unpivot(["class", "reason"], list(value), "quantity", "bin")
        .groupBy("class", "reason", "quantity", "bin")
        .count()
        .collect()
    )
    counts = Counts(model)
    for row in rows:
        name, number = row["class"], row["count"]
        if row.quantity == "flags":  # every row has them
            counts.classes[name] += number
            if row.reason is not None:
                counts.left_out[row.reason] += number
            for flag, bit in FLAG_BITS.items():
                counts.flags[flag] += number if row.bin & (1 << bit) else 0
        elif row.reason is None:
            counts.bins[row.quantity, name][row.bin] += number
    return counts


def count_simulated(warehouse: Warehouse, release: str) -> int:
    """Return how many spectra of a release no telescope observed."""
    sample, total = open_part(sample_place(warehouse)), 0
    for part, rows in sample_rows(sample).items():
        if partition_values(warehouse.root / part)["release"] == release:
            simulated = read_sample_rows(sample, rows, ["simulated"])["simulated"]
            total += pc.sum(simulated).as_py() or 0
    return total
