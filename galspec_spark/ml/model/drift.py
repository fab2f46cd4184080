"""The content of ``drift.json``: a release compared with the model's training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from galspec_spark.ml.evaluation.record import Record

Measure = Literal["psi", "ks", "share"]
#: Names of the measures of distributions.
DISTANCES = {"psi": "population stability index", "ks": "Kolmogorov-Smirnov distance"}


@dataclass(frozen=True)
class Check:
    """One distance between a release and the training set."""

    quantity: str
    measure: Measure
    value: float
    limit: float  #: from the configuration
    p_value: float  #: of so great a distance between samples of the same population
    drifted: bool
    train: float | None = None  #: the shares themselves
    release: float | None = None

    def in_words(self) -> str:
        """Return the check as a line for people."""
        if self.train is not None and self.release is not None:
            shares = f"{self.release:.1%} of the release, {self.train:.1%} of the training set"
            return f"{self.quantity}: {shares}, may differ by {self.limit:.1%}"
        return f"{self.quantity}: {DISTANCES[self.measure]} {self.value:.2f}, limit {self.limit:g}"


class Counts(Record):
    """Numbers of spectra in the training set and in the release, by quantity."""

    train: dict[str, tuple[int, ...]]
    release: dict[str, tuple[int, ...]]


class Drift(Record):
    """How a release differs from the training set, and the numbers behind it."""

    release: str
    model: str
    version: str
    run_id: str
    config_hash: str
    spectra: int
    classified: int
    drifted: bool
    findings: tuple[Check, ...] = Field(description="drifted, the furthest beyond its limit first")
    checks: tuple[Check, ...]
    shares: Counts = Field(description="by property: spectra without it, and with it")
    edges: dict[str, tuple[float, ...]] = Field(description="limits of the bins, by quantity")
    bins: Counts = Field(description="spectra between the edges, and last the missing values")
