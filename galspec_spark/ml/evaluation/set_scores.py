"""What prediction sets reach on the test split: coverage by class, and how large they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ConfigDict, Field

from galspec_spark.labels import Classes
from galspec_spark.ml.evaluation.bins import bins_of, round_edges
from galspec_spark.ml.evaluation.calibration import Labels
from galspec_spark.ml.evaluation.intervals import interval
from galspec_spark.ml.evaluation.prediction_sets import (
    Booleans,
    ClassLimits,
    PredictionSets,
    set_names,
)
from galspec_spark.ml.evaluation.record import Interval, Record
from galspec_spark.spectrum.arrays import Doubles


class Coverage(Record):
    """How many test spectra of one class have it in their set."""

    spectra: int = Field(description="of the class")
    covered: int
    share: float | None = Field(description="covered of the spectra; null without spectra")
    interval: Interval | None = Field(description="95 % interval of the share (Wilson's)")


class ClassCoverage(Record):
    """Coverage by class, under the class's name in lower case, and the size of the sets."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Coverage]

    mean_size: float = Field(description="mean number of classes in a set")

    def of(self, key: str) -> Coverage:
        """Return the coverage of a class, by its name in lower case."""
        return self.__pydantic_extra__[key]


class CoverageBin(ClassCoverage):
    """The same for test spectra of one range of S/N."""

    low: float | None = Field(description="lower limit; null for spectra without a value")
    high: float | None


class SetScores(ClassCoverage):
    """Prediction sets by class, and their scores on the test split."""

    level: float = Field(description="share of each class to cover")
    of_class: tuple[ClassLimits, ...] = Field(
        description="by class: calibration spectra, held out; the greatest 1 - probability that "
        "sets with the class have, by S/N"
    )
    sets: dict[str, int] = Field(description="test spectra by their set")
    sn_median: tuple[CoverageBin, ...] = Field(description="by S/N, rising")
    marginal: ClassCoverage = Field(
        description="what sets with one limit for all classes cover, at the same level"
    )


def score_sets(
    labels: Labels,
    probabilities: Doubles,
    sn: pa.ChunkedArray,
    by_class: PredictionSets,
    of_all: PredictionSets,
    classes: Classes,
) -> SetScores:
    """Return the scores of prediction sets on the test split.

    Parameters
    ----------
    labels, probabilities, sn
        Of the test split; probabilities are those of `nonconformity`.
    by_class, of_all
        The sets of `sets_by_class` and `sets_of_all`, of the same calibration spectra.
    """
    values = sn.cast(pa.float64()).fill_null(np.nan).to_numpy()
    contain = by_class.contain(probabilities, values)
    names, numbers = np.unique(set_names(contain, classes), return_counts=True)
    found = dict(zip(names.tolist(), numbers.tolist(), strict=True))
    bins = [
        CoverageBin(low=low, high=high, **_coverage(labels[inside], contain[inside], classes))
        for low, high, inside in bins_of(sn, round_edges(sn))
    ]
    return SetScores.model_validate(
        {
            **asdict(by_class),
            **_coverage(labels, contain, classes),
            "sets": {name: found.get(name, 0) for name in classes.set_names},
            "sn_median": bins,
            "marginal": _coverage(labels, of_all.contain(probabilities, values), classes),
        }
    )


def _coverage(labels: Labels, contain: Booleans, classes: Classes) -> dict[str, Any]:
    """Return the fields of a `ClassCoverage`."""
    by_class = {
        key: _of_class(contain[labels == label, label]) for label, key in enumerate(classes.keys)
    }
    return {**by_class, "mean_size": float(contain.sum(axis=1).mean())}


def _of_class(is_covered: Booleans) -> dict[str, Any]:
    spectra, covered = len(is_covered), int(np.count_nonzero(is_covered))
    return {
        "spectra": spectra,
        "covered": covered,
        "share": covered / spectra if spectra else None,
        "interval": interval(covered, spectra),
    }
