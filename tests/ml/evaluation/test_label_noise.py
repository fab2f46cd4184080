"""How often two labels of one object agree, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.ml.evaluation.intervals import wilson
from galspec_spark.ml.evaluation.label_noise import measure_label_noise


def test_pairs_are_counted_by_bin() -> None:
    first, second = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 1, 1, 0, 1, 0])
    survival = np.array([1.0, 0.6, 0.65, 0.3, 0.95, 0.99])
    noise = measure_label_noise(first, second, 1, survival, np.array([-1, 2, 3.5, 3.9, 20, 1]))
    assert noise is not None
    assert (noise.pairs, noise.same, noise.with_agn, noise.both_agn) == (6, 4, 4, 2)
    assert noise.predicted == pytest.approx(survival.mean())
    found = [(each.low, each.high, each.pairs, each.same) for each in noise.by_survival]
    assert found == [(None, 0.5, 1, 0), (0.5, 0.7, 2, 1), (0.9, 0.99, 1, 1), (0.99, None, 2, 2)]
    half = noise.by_survival[1]
    assert (half.share, half.predicted) == (0.5, pytest.approx(0.625))
    assert half.interval == pytest.approx(tuple(map(float, wilson(1, 2))))
    found = [(each.low, each.high, each.pairs, each.same) for each in noise.by_h_beta_sn]
    assert found == [
        (None, 0, 1, 1), (0, 2, 1, 1), (2, 3, 1, 0), (3, 4, 2, 1), (10, None, 1, 1),
    ]  # fmt: skip


def test_without_pairs_there_is_nothing_to_tell() -> None:
    nothing = np.empty(0)
    assert (
        measure_label_noise(nothing.astype(int), nothing.astype(int), 1, nothing, nothing) is None
    )
