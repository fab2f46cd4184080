from __future__ import annotations

from math import comb

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.significance import PairedCounts, compare_predictions, mcnemar


@pytest.mark.parametrize(("b", "c"), [(1, 5), (5, 1), (0, 8), (12, 30), (2, 3)])
def test_mcnemar_by_hand(b, c):
    """The fewer of b and c, or fewer still, out of b + c tosses of a coin; twice, for two sides."""
    tail = sum(comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
    assert mcnemar(b, c) == pytest.approx(min(1, 2 * tail), rel=1e-12)


def test_mcnemar_of_equals():
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1


def predictions(*rows):
    columns = zip(("spectrum_id", "label", "prediction"), zip(*rows, strict=True), strict=True)
    return pa.table({name: list(values) for name, values in columns})


def test_paired_counts():
    first = predictions(
        ("a", 1, 1.0),
        ("b", 0, 0.0),
        ("c", 0, 0.0),
        ("d", 1, 0.0),
        ("e", 1, 0.0),
        ("only here", 1, 1.0),
    )
    second = predictions(
        ("only there", 1, 1.0),
        ("e", 1, 0.0),
        ("d", 1, 1.0),
        ("c", 0, 1.0),
        ("b", 0, 1.0),
        ("a", 1, 1.0),
    )
    found = compare_predictions(first, second, 2)
    assert found.counts == PairedCounts(both=1, only_first=2, only_second=1, neither=1)
    assert found.counts.p_value == mcnemar(2, 1)
    np.testing.assert_array_equal(found.first, [[2, 0], [2, 1]])
    np.testing.assert_array_equal(found.second, [[0, 2], [1, 2]])
    swapped = compare_predictions(second, first, 2)
    assert swapped.counts == PairedCounts(both=1, only_first=1, only_second=2, neither=1)


def test_runs_that_cannot_be_compared():
    first = predictions(("a", 1, 1.0), ("b", 0, 0.0))
    with pytest.raises(UserError, match="no test spectrum in common"):
        compare_predictions(first, predictions(("c", 1, 1.0)), 2)
    with pytest.raises(UserError, match="1 of 2 common test spectra are labelled otherwise"):
        compare_predictions(first, predictions(("a", 0, 1.0), ("b", 0, 0.0)), 2)
