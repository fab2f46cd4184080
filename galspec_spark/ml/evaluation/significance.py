"""Whether one classifier is better than another on the same spectra, or only luckier."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.stats import binomtest

from galspec_spark.errors import UserError


@dataclass(frozen=True)
class PairedCounts:
    """How many spectra were predicted correctly by both, one or neither of two classifiers."""

    both: int
    only_first: int
    only_second: int
    neither: int


def mcnemar(only_first_correct: int, only_second_correct: int) -> float:
    """Return the p value of two classifiers differing so much although they are equally good.

    McNemar's test (1947, Psychometrika 12, 153), exact and two-sided: of the spectra that just one
    of them got right, each is as likely to have got half.
    """
    differing = only_first_correct + only_second_correct
    return float(binomtest(only_first_correct, differing).pvalue) if differing else 1.0


def paired_counts(first: DataFrame, second: DataFrame, on: str = "spectrum_id") -> PairedCounts:
    """Compare two tables of predictions, row by row.

    Parameters
    ----------
    first, second
        Columns `on`, ``label`` and ``prediction``. Rows that only one of them has are left out.

    Raises
    ------
    UserError
        If they have no row in common, or not the same labels.
    """
    verdicts = [
        frame.select(
            on, F.col("label").alias(f"label_{i}"), (F.col("label") == F.col("prediction")).alias(i)
        )
        for i, frame in (("first", first), ("second", second))
    ]
    one, two = F.col("first"), F.col("second")
    counts = (
        verdicts[0]
        .join(verdicts[1], on)
        .agg(
            F.count_if(F.col("label_first") != F.col("label_second")),
            F.count_if(one & two),
            F.count_if(one & ~two),
            F.count_if(~one & two),
            F.count_if(~one & ~two),
        )
        .first()
    )
    assert counts is not None
    relabelled, *paired = counts
    rows = sum(paired)
    if not rows:
        raise UserError("the two runs have no test spectrum in common: they cannot be compared")
    if relabelled:
        raise UserError(
            f"{relabelled} of {rows} common test spectra are labelled otherwise in the other run: "
            "compare runs of the same label policy (preprocess.label)"
        )
    return PairedCounts(*paired)
