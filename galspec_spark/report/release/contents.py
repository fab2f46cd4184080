"""Contents of the report of a release."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from galspec_spark.harness.record import RunRecord
from galspec_spark.ml.model.card import Card
from galspec_spark.ml.model.drift import Drift
from galspec_spark.report.origin import Origin, Simulated
from galspec_spark.report.release.arrivals import Arrivals
from galspec_spark.report.release.bpt import Plane
from galspec_spark.report.release.counts import Counts
from galspec_spark.report.release.outliers import Outlier


class Finding(BaseModel):
    """The findings of one kind that verify made in one table."""

    finding: str
    table: str
    count: int
    meaning: str
    example: str
    remedy: str


class Verified(BaseModel):
    """The part of verify's result that the report shows."""

    model_config = ConfigDict(extra="ignore")

    findings: tuple[Finding, ...]
    files_compared: int


@dataclass(frozen=True)
class ReleaseReport:
    """Everything that the figures and the page show of one release."""

    release: str
    run: RunRecord
    drift: Drift
    model: str  #: name of the model
    card: Card  #: of the model
    arrivals: Arrivals | None  #: None if the warehouse was not made from files
    verified: Verified | None  #: None if verify was not run
    counts: Counts
    plane: Plane | None  #: None if no spectrum has all lines
    outliers: list[Outlier]
    simulated: Simulated
    queue: pa.Table  #: the spectra to label next, from `inspection_queue`

    @property
    def origin(self) -> Origin:
        """What the page is made from."""
        return Origin(self.run.command, self.run.inputs, self.run.warehouse)

    @property
    def threshold(self) -> float:
        """The least probability of a spectrum called AGN."""
        return self.card.threshold.probability
