"""What sets cover, against counts by hand and scipy's intervals."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from galspec_spark.labels import BINARY
from galspec_spark.ml.evaluation.prediction_sets import ClassLimits, PredictionSets
from galspec_spark.ml.evaluation.set_scores import score_sets

LABELS = np.array([0, 0, 0, 0, 1, 1, 1])
P = np.array([0.1, 0.2, 0.45, 0.9, 0.9, 0.5, 0.2])
SN = pa.chunked_array([[1.0, 1.0, 9.0, 9.0, 1.0, 9.0, None]])
#: The limit of other is 0.45 below S/N 5 and without one, and 0.6 above.
BY_CLASS = PredictionSets(
    0.7, (ClassLimits(20, 0.45, (5.0,), (0.45, 0.6)), ClassLimits(10, 0.55, (), (0.55,)))
)
OF_ALL = PredictionSets(0.7, (ClassLimits(20, 0.2, (), (0.2,)), ClassLimits(10, 0.2, (), (0.2,))))


@pytest.fixture(scope="module")
def scores():
    return score_sets(LABELS, P, SN, BY_CLASS, OF_ALL, BINARY)


def test_coverage_is_of_each_class(scores):
    assert (scores.level, scores.of_class) == (0.7, BY_CLASS.of_class)
    assert (scores.other.covered, scores.other.spectra, scores.other.share) == (3, 4, 0.75)
    assert (scores.agn.covered, scores.agn.spectra) == (2, 3)
    expected = binomtest(2, 3).proportion_ci(method="wilson")
    assert scores.agn.interval == pytest.approx((expected.low, expected.high))
    assert scores.sets == {"empty": 0, "other": 3, "AGN": 2, "other|AGN": 2}
    assert scores.mean_size == 9 / 7


def test_marginal_sets_are_counted_likewise(scores):
    assert (scores.marginal.other.covered, scores.marginal.agn.covered) == (2, 1)
    assert scores.marginal.mean_size == 5 / 7


def test_bins_of_sn_have_both_classes(scores):
    found = [
        (each.other.covered, each.other.spectra, each.agn.covered, each.agn.spectra)
        for each in scores.sn_median
    ]
    assert found == [(2, 2, 1, 1), (1, 2, 1, 1), (0, 0, 0, 1)]
    first, *_, without = scores.sn_median
    assert (first.low, without.low, without.high) == (1.0, None, None)
    assert (without.other.share, without.other.interval) == (None, None)
