from __future__ import annotations

import numpy as np
import pytest

from galspec_spark.ml.pca.moments import BATCH_ROWS, BLOCK_ROWS, FoldMoments, Moments, assemble
from galspec_spark.warehouse.storage import Location

PIXELS = BLOCK_ROWS + 44  # two blocks, the second one narrow


def rows(n: int, offset: float = 0.0, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(offset, 1, (n, PIXELS)) @ np.diag(np.linspace(1, 3, PIXELS))


def scatter_of(values: np.ndarray) -> np.ndarray:
    return np.cov(values, rowvar=False) * (len(values) - 1)


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_pieces_add_up_to_numpys_covariance(pieces):
    values = rows(500)
    partial = []
    for piece in np.array_split(values, pieces):
        moments = Moments.empty(PIXELS)
        moments.add(piece)
        partial.append(list(moments.blocks()))
    total = partial[0]
    for blocks in partial[1:]:
        for mine, other in zip(total, blocks, strict=True):
            mine.merge(other)

    found = assemble(total)[0]

    assert found.count == 500
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.scatter, scatter_of(values), rtol=1e-10, atol=1e-9)


def test_more_rows_than_a_batch_and_float32():
    values = rows(BATCH_ROWS + 300).astype(np.float32)
    moments = Moments.empty(PIXELS)
    moments.add(values)
    found = assemble(moments.blocks())[0]
    assert found.count == BATCH_ROWS + 300
    exact = scatter_of(values.astype(np.float64))
    np.testing.assert_allclose(found.scatter, exact, rtol=1e-9, atol=1e-8)


def test_a_large_mean_costs_no_precision():
    values = rows(400, offset=1e7)
    moments = Moments.empty(PIXELS)
    for piece in np.array_split(values, 9):
        moments.add(piece)
    scatter = assemble(moments.blocks())[0].scatter
    exact = scatter_of(values - 1e7 * np.linspace(1, 3, PIXELS))
    np.testing.assert_allclose(scatter, exact, rtol=1e-6, atol=1e-5)
    # The textbook formula, sum of products less product of sums, has lost all of it:
    naive = values.T @ values - len(values) * np.outer(values.mean(axis=0), values.mean(axis=0))
    assert np.abs(naive - exact).max() > 1


def test_only_the_upper_triangle_travels():
    moments = Moments.empty(PIXELS)
    moments.add(rows(10))
    assert [block.scatter.shape for block in moments.blocks()] == [(BLOCK_ROWS, PIXELS), (44, 44)]


@pytest.fixture
def through_a_file(tmp_path):
    """Return a function that saves and loads moments."""

    def pass_on(moments: Moments) -> Moments:
        place = Location.of(tmp_path / "moments.npz")
        moments.save(place)
        return Moments.load(place)

    return pass_on


def test_folds_add_up_and_each_can_be_taken_away(through_a_file):
    values, fold = rows(900, offset=100), np.random.default_rng(4).integers(0, 3, 900)
    moments = FoldMoments()
    for piece in np.array_split(np.arange(900), 20):
        for number in range(3):
            moments.add(number, values[piece][fold[piece] == number])
    by_fold = {number: through_a_file(each) for number, each in moments.finished().items()}
    assert list(by_fold) == [0, 1, 2]

    total = by_fold[0].plus(by_fold[1]).plus(by_fold[2])
    np.testing.assert_allclose(total.scatter, scatter_of(values), rtol=1e-10, atol=1e-8)
    for number in range(3):
        others = values[fold != number]
        rest = total.minus(by_fold[number])
        assert rest.count == len(others)
        np.testing.assert_allclose(rest.mean, others.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(rest.scatter, scatter_of(others), rtol=1e-9, atol=1e-8)
