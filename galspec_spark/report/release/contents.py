"""What the report of a release is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from galspec_spark.report.release.arrivals import Arrivals
from galspec_spark.report.release.bpt import Plane
from galspec_spark.report.release.counts import Counts
from galspec_spark.report.release.outliers import Outlier


@dataclass(frozen=True)
class ReleaseReport:
    """Everything that the figures and the page show of one release."""

    release: str
    run: dict[str, Any]  #: the content of ``run.json``
    drift: dict[str, Any]  #: the content of ``drift.json``
    model: str  #: its name
    card: dict[str, Any]  #: of the model
    threshold: float  #: a spectrum with this probability or more is AGN
    arrivals: Arrivals | None  #: None where the warehouse was not made from files
    counts: Counts
    plane: Plane | None  #: None where no spectrum has all lines
    outliers: list[Outlier]

    def result(self, step: str) -> dict[str, Any]:
        """Return the result of a step; empty where there is none."""
        steps = {entry["name"]: entry for entry in self.run.get("steps", [])}
        return dict(steps.get(step, {}).get("result", {}))
