"""Significance of the difference between two classifiers on the same spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import binomtest

from galspec_spark.errors import UserError
from galspec_spark.labels import Counts
from galspec_spark.ml.evaluation.scores import confusion


@dataclass(frozen=True)
class PairedCounts:
    """How many spectra were predicted correctly by both, one or neither of two classifiers."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def p_value(self) -> float:
        """McNemar's p value: see `mcnemar`."""
        return mcnemar(self.only_first, self.only_second)


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the spectra that both predicted."""

    counts: PairedCounts
    first: Counts  #: confusion matrix
    second: Counts


def mcnemar(only_first_correct: int, only_second_correct: int) -> float:
    """Return the p value of so great a difference between two equally good classifiers.

    McNemar's test (1947, Psychometrika 12, 153), exact and two-sided: a spectrum that only one
    classifier got right is equally likely to be either classifier's.
    """
    differing = only_first_correct + only_second_correct
    return float(binomtest(only_first_correct, differing).pvalue) if differing else 1.0


def compare_predictions(first: pa.Table, second: pa.Table, k: int) -> Comparison:
    """Compare two tables of predictions, row by row.

    Parameters
    ----------
    first, second
        Columns ``spectrum_id``, ``label`` and ``prediction``. Rows in only one of the tables are
        left out.
    k
        Number of classes.

    Raises
    ------
    UserError
        If the tables have no row in common, or their labels differ.
    """
    common = first.join(second, "spectrum_id", join_type="inner", right_suffix="_second")
    if not len(common):
        raise UserError("the two runs have no test spectrum in common: they cannot be compared")
    labels, of_second = common["label"].to_numpy(), common["label_second"].to_numpy()
    relabelled = np.count_nonzero(labels != of_second)
    if relabelled:
        raise UserError(
            f"{relabelled} of {len(common)} common test spectra are labelled otherwise in the "
            "other run: compare runs of the same label policy (preprocess.label)"
        )
    predictions = [common[name].to_numpy() for name in ("prediction", "prediction_second")]
    first, second = (labels == each for each in predictions)
    cases = (first & second, first & ~second, ~first & second, ~first & ~second)
    return Comparison(
        PairedCounts(*(int(np.count_nonzero(case)) for case in cases)),
        *(confusion(labels, each, k) for each in predictions),
    )
