from __future__ import annotations

from math import comb

import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.significance import PairedCounts, mcnemar, paired_counts

COLUMNS = "spectrum_id string, label int, prediction double"


@pytest.mark.parametrize(("b", "c"), [(1, 5), (5, 1), (0, 8), (12, 30), (2, 3)])
def test_mcnemar_by_hand(b, c):
    """The fewer of b and c, or fewer still, out of b + c tosses of a coin; twice, for two sides."""
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
    assert mcnemar(b, c) == pytest.approx(min(1, 2 * tail), rel=1e-12)


def test_mcnemar_of_equals():
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1


def predictions(spark, *rows):
    return spark.createDataFrame(list(rows), COLUMNS)


def test_paired_counts(spark):
    first = predictions(
        spark,
        ("a", 1, 1.0),
        ("b", 0, 0.0),
        ("c", 0, 0.0),
        ("d", 1, 0.0),
        ("e", 1, 0.0),
        ("only here", 1, 1.0),
    )
    second = predictions(
        spark,
        ("only there", 1, 1.0),
        ("e", 1, 0.0),
        ("d", 1, 1.0),
        ("c", 0, 1.0),
        ("b", 0, 1.0),
        ("a", 1, 1.0),
    )
    found = paired_counts(first, second)
    assert found == PairedCounts(both=1, only_first=2, only_second=1, neither=1)
    swapped = paired_counts(second, first)
    assert swapped == PairedCounts(both=1, only_first=1, only_second=2, neither=1)


def test_runs_that_cannot_be_compared(spark):
    first = predictions(spark, ("a", 1, 1.0), ("b", 0, 0.0))
    with pytest.raises(UserError, match="no test spectrum in common"):
        paired_counts(first, predictions(spark, ("c", 1, 1.0)))
    with pytest.raises(UserError, match="1 of 2 common test spectra are labelled otherwise"):
        paired_counts(first, predictions(spark, ("a", 0, 1.0), ("b", 0, 0.0)))
