"""Intervals against scipy's and against the equation that they solve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from galspec_spark.ml.evaluation.intervals import f1_interval, interval, wilson


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (3, 7), (50, 60), (9, 9)])
def test_wilson_is_scipys(part: int, whole: int) -> None:
    scipys = stats.binomtest(part, whole).proportion_ci(method="wilson")
    np.testing.assert_allclose(interval(part, whole), [scipys.low, scipys.high], atol=1e-12)


def test_wilson_takes_arrays() -> None:
    low, high = wilson(np.array([3.0, 0.0]), np.array([7.0, 0.0]))
    assert [low[0], high[0]] == interval(3, 7)
    assert np.isnan([low[1], high[1]]).all()
    assert interval(0, 0) is None


@pytest.mark.parametrize(
    ("found", "wrong", "missed"), [(14, 6, 6), (1, 0, 0), (0, 3, 5), (500, 80, 9)]
)
def test_interval_solves_wilsons_equation(found: int, wrong: int, missed: int) -> None:
    interval = f1_interval([[100, wrong], [missed, found]])
    assert interval is not None
    trials = found + wrong + missed
    observed = found / trials
    for end in interval:
        p = end / (2 - end)  # F1 = 2 J / (1 + J), solved for J
        assert abs(observed - p) == pytest.approx(
            1.959964 * math.sqrt(p * (1 - p) / trials), abs=1e-6
        )
    f1 = 2 * found / (2 * found + wrong + missed)
    assert interval[0] <= f1 <= interval[1]


def test_interval_needs_something_to_count() -> None:
    assert f1_interval([[100, 0], [0, 0]]) is None
