"""A model takes the current one's place unless it is worse on the same test objects."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.model.bundle import load_bundle, model_id
from galspec_spark.preprocess.recipe import STATE
from galspec_spark.train.earlier import read_metrics
from galspec_spark.train.promote import promote, promotion_text
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse


@pytest.fixture
def trained(release_model, tmp_path):
    """The output of training, to be changed."""
    return shutil.copytree(release_model.parent, tmp_path / "run")


@pytest.fixture
def warehouse(release_model) -> Warehouse:
    """The warehouse that the model was trained on."""
    return Warehouse((release_model.parent / "warehouse.txt").read_text())


def predictions(run, change):
    """Change the predictions of a run."""
    for part in (run / "predictions").glob("*.parquet"):
        table = pq.read_table(part).to_pandas()
        metrics = json.loads((run / "metrics.json").read_text())
        best = metrics["results"][metrics["best"]]
        is_best = (table["classifier"] == best["classifier"]) & (
            table["features"] == best["features"]
        )
        table.loc[is_best, "called"] = change(table[is_best])
        table.to_parquet(part)


def test_the_first_model_is_promoted(spark, warehouse, trained, tmp_path):
    found = promote(spark, warehouse, trained, tmp_path / "models" / "current")
    assert found.promoted
    assert model_id(tmp_path / "models" / "current") == model_id(trained / "model")
    assert load_bundle(tmp_path / "models" / "current").id == found.new
    assert promotion_text(found) == f"model {found.new} is the first: promoted"


def test_the_same_model_again_is_not_worse(spark, warehouse, trained, release_model, tmp_path):
    current = shutil.copytree(release_model, tmp_path / "current")
    found = promote(spark, warehouse, trained, current)
    assert found.promoted
    assert found.contest.new_scores == found.contest.current_scores
    assert found.contest.p_value == 1
    metrics = read_metrics(Location.of(trained / "metrics.json"))
    of_threshold = metrics.best_result.threshold.test
    assert found.contest.new_scores.agn_f1 == pytest.approx(of_threshold.agn_f1)


def test_a_worse_model_is_not_promoted(spark, warehouse, trained, release_model, tmp_path):
    current = shutil.copytree(release_model, tmp_path / "current")
    predictions(trained, lambda table: np.where(table.index % 3 == 0, 1.0, 0.0))
    before = sorted(path.stat().st_mtime_ns for path in current.rglob("*"))
    found = promote(spark, warehouse, trained, current)
    assert not found.promoted
    assert found.contest.only_current_correct > found.contest.only_new_correct
    assert sorted(path.stat().st_mtime_ns for path in current.rglob("*")) == before
    assert promotion_text(found).endswith("on the same test objects: not promoted")


def test_a_better_model_is_promoted(spark, warehouse, trained, release_model, tmp_path):
    current = shutil.copytree(release_model, tmp_path / "current")
    predictions(trained, lambda table: table["label"].astype(float))
    found = promote(spark, warehouse, trained, current)
    assert found.promoted
    assert found.contest.new_scores.agn_f1 == 1 > found.contest.current_scores.agn_f1


def test_a_current_model_of_another_recipe_is_named(spark, trained, release_model, tmp_path):
    other = Warehouse(tmp_path / "other")
    source = Warehouse((release_model.parent / "warehouse.txt").read_text())
    shutil.copytree(source.root.path, other.root.path)
    place = tmp_path / "other" / "sample" / STATE
    state = json.loads(place.read_text())
    state["recipe"]["normalise"] = "none"
    place.write_text(json.dumps(state))
    with pytest.raises(UserError, match=r"preprocess.normalise none, the model learned"):
        promote(spark, other, trained, release_model)
