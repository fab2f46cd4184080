"""The order of the queue: reasons in turn, the most urgent first, an object once."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.ml.model.profile import Profile
from galspec_spark.queue.priority import (
    REASONS,
    disagreement,
    leading,
    near_margin,
    outside,
    take_turns,
)

NAN = np.nan
PROFILE = Profile(
    edges={},
    bins={},
    ranges={"z": [0.02, 0.3], "sn_median": [5, 50], "coverage": [0.96, 1]},
    sn_edges=[10],
    error_limits=[0.2, 0.1],
    shares={},
)


def test_the_nearest_to_the_margin_come_first() -> None:
    score = near_margin(np.array([0.3, -0.1, 0.02, NAN, -0.4]))
    assert leading(score, np.arange(5), 10).tolist() == [2, 1, 0, 4]
    assert leading(score, np.arange(5), 2).tolist() == [2, 1]


def test_an_object_has_one_row_its_best() -> None:
    assert leading(np.array([1.0, 5, 3, 4]), np.array([7, 7, 8, 8]), 4).tolist() == [1, 3]
    assert leading(np.array([2.0, 2, 2]), np.array([1, 2, 1]), 4).tolist() == [0, 1]


def test_outside_is_ranked_by_the_error_and_needs_some_signal() -> None:
    """Usual; twice the limit at its S/N; half as far; z; too bright; too few pixels; too faint."""
    z = np.array([0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.4])
    sn = np.array([9.0, 9, 20, 9, 60, 9, 2])
    coverage = np.array([1, 1, 1, 1, 1, 0.9, 1])
    error = np.array([0.15, 0.4, 0.15, 0.02, 0.01, 0.1, 0.9])
    score = outside(PROFILE, z, sn, coverage, error)
    np.testing.assert_allclose(score, [NAN, 2, 1.5, 0.1, 0.1, 0.5, NAN])
    without = outside(PROFILE, z, sn, coverage, np.full(7, NAN))
    np.testing.assert_array_equal(without, [NAN, NAN, NAN, 0, 0, 0, NAN])


def test_disagreement_counts_where_both_are_sure() -> None:
    margin = np.array([0.4, 0.4, -0.3, 0.4, -0.3])
    formula = np.array([0, 1, 1, 0, -1])
    survival = np.array([0.5, 1, 1, NAN, 1])
    np.testing.assert_allclose(
        disagreement(margin, formula == 1, survival), [0.2, NAN, 0.3, NAN, NAN]
    )


def test_reasons_take_turns() -> None:
    scores = np.full((9, 3), NAN)
    scores[:, 0] = [9, 8, 7, 6, 5, 4, 3, 2, 1]
    scores[[7, 8], 1] = [1, 2]
    scores[0, 2] = 5  # which the first reason takes
    rows, reasons = take_turns(scores, np.arange(9), 6)
    assert rows.tolist() == [0, 8, 1, 7, 2, 3]
    assert reasons.tolist() == [0, 1, 0, 1, 0, 0]
    everything, _ = take_turns(scores, np.arange(9), 100)
    assert sorted(everything.tolist()) == list(range(9))
    of_objects, _ = take_turns(scores, np.array([0, 0, 0, 1, 1, 1, 1, 1, 1]), 100)
    assert of_objects.tolist() == [0, 8]


@pytest.mark.parametrize("number", [1, 5, 20])
def test_a_short_queue_is_the_beginning_of_a_long_one(number: int) -> None:
    random = np.random.default_rng(1)
    scores = np.where(random.random((300, len(REASONS))) < 0.5, random.random((300, 3)), NAN)
    objects = random.integers(0, 150, 300)
    assert take_turns(scores, objects, number)[0].tolist() == (
        take_turns(scores, objects, 100)[0][:number].tolist()
    )


def test_nothing_is_a_queue_of_nothing() -> None:
    rows, reasons = take_turns(np.empty((0, 3)), np.empty(0, np.int64), 5)
    assert len(rows) == len(reasons) == 0
