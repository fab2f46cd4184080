"""Spark, we and scikit-learn search the same settings, and find about the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import searching
from benchmarks.searching import (
    GRIDS,
    search_with_ours,
    search_with_scikit_learn,
    search_with_spark,
    with_vectors,
)
from galspec_spark.config import ClassifierConfig

ROWS, FOLD_ROWS = 240, 160


@pytest.fixture
def vectors(tmp_path) -> str:
    random = np.random.default_rng(1)
    label = random.random(ROWS) < 0.3
    features = random.normal(size=(ROWS, 4)) + 1.5 * label[:, None]
    columns = {"label": label.astype("i4"), "fold": np.arange(ROWS, dtype="i4") % 3}
    pq.write_table(pa.table({**columns, "features": features.tolist()}), tmp_path / "part.parquet")
    return str(tmp_path)


@pytest.mark.parametrize("name", GRIDS)
def test_the_twelve_settings_are_the_same(spark, name):
    validator = searching._validator(name)
    stock = [{p.name: v for p, v in point.items()} for point in validator.getEstimatorParamMaps()]
    search = searching._grid_search(name, np.zeros(ROWS))
    peers = [_by_sparks_names(one) for one in search.param_grid["classifier"]]
    assert len(stock) == 12
    assert len({tuple(point.items()) for point in stock}) == 12
    for point, peer in zip(stock, peers, strict=True):
        assert {key: peer[key] for key in point} == pytest.approx(point)


def _by_sparks_names(estimator) -> dict[str, float]:
    parameters = estimator.get_params()
    if "n_estimators" in parameters:
        return {"numTrees": parameters["n_estimators"], "maxDepth": parameters["max_depth"]}
    parameters = estimator[-1].get_params()
    found = {"regParam": 1 / (FOLD_ROWS * parameters["C"])}
    return found | {"elasticNetParam": parameters.get("l1_ratio")}


# CrossValidator leaves its threads to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_all_find_the_same_f1(spark, vectors, monkeypatch):
    few = {
        "logistic_regression": {"regParam": (0.1,), "elasticNetParam": (0.5,)},
        "random_forest": {"numTrees": (10,)},
    }
    grids = {name: ClassifierConfig(grid=grid) for name, grid in few.items()}
    monkeypatch.setattr(searching, "GRIDS", grids)
    stock = with_vectors(spark, vectors, search_with_spark)
    for found in (
        with_vectors(spark, vectors, search_with_ours),
        search_with_scikit_learn(vectors),
    ):
        assert stock == pytest.approx(found, abs=0.05)  # forests have their own random streams
        assert stock["logistic_regression"] == pytest.approx(found["logistic_regression"], abs=0.01)
    assert set(stock) == set(few)
    assert min(stock.values()) > 0.9
