"""What prediction sets reach on the test split: coverage by class, and how large they are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from galspec_spark.labels import CLASS_KEYS, SET_NAMES
from galspec_spark.ml.evaluation.bins import bins_of, round_edges
from galspec_spark.ml.evaluation.calibration import Labels
from galspec_spark.ml.evaluation.intervals import interval
from galspec_spark.ml.evaluation.prediction_sets import (
    Booleans,
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
    """Coverage by class, and the size of the sets."""

    other: Coverage
    agn: Coverage
    mean_size: float = Field(description="mean number of classes in a set")


class CoverageBin(ClassCoverage):
    """The same for test spectra of one range of S/N."""

    low: float | None = Field(description="lower limit; null for spectra without a value")
    high: float | None


class SetScores(ClassCoverage):
    """Prediction sets by class, and their scores on the test split."""

    level: float = Field(description="share of each class to cover")
    counts: tuple[int, int] = Field(description="calibration spectra, held out; other, AGN")
    limits: tuple[float, float] = Field(
        description="greatest 1 - probability of a class that its sets have in them; other, AGN"
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
) -> SetScores:
    """Return the scores of prediction sets on the test split.

    Parameters
    ----------
    labels, probabilities, sn
        Of the test split; probabilities are of AGN.
    by_class, of_all
        The sets of `sets_by_class` and `sets_of_all`, of the same calibration spectra.
    """
    contain = by_class.contain(probabilities)
    names, numbers = np.unique(set_names(contain), return_counts=True)
    found = dict(zip(names.tolist(), numbers.tolist(), strict=True))
    bins = [
        CoverageBin(low=low, high=high, **_coverage(labels[inside], contain[inside]))
        for low, high, inside in bins_of(sn, round_edges(sn))
    ]
    return SetScores.model_validate(
        {
            **asdict(by_class),
            **_coverage(labels, contain),
            "sets": {name: found.get(name, 0) for name in SET_NAMES},
            "sn_median": bins,
            "marginal": _coverage(labels, of_all.contain(probabilities)),
        }
    )


def _coverage(labels: Labels, contain: Booleans) -> dict[str, Any]:
    """Return the fields of a `ClassCoverage`."""
    by_class = {
        key: _of_class(contain[labels == label, label]) for label, key in enumerate(CLASS_KEYS)
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
