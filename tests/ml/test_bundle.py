from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.feature import VectorSlicer

from galspec_spark.ml import bundle
from galspec_spark.ml.bundle import best_model, write_bundle


def trained(classifier: str, components: int, cv_agn_f1: float | None):
    return SimpleNamespace(
        classifier=classifier,
        features=SimpleNamespace(components=list(range(components))),
        result={"cv_agn_f1": cv_agn_f1},
    )


def test_the_best_is_chosen_by_cross_validation():
    candidates = [
        trained("logistic_regression", 10, None),  # found no AGN
        trained("random_forest", 20, 0.9),
        trained("linear_svc", 20, 0.8),
    ]
    assert best_model(candidates) is candidates[1]


def test_of_equals_the_simplest():
    candidates = [
        trained("random_forest", 10, 0.9),
        trained("logistic_regression", 20, 0.9),
        trained("linear_svc", 10, 0.9),
        trained("logistic_regression", 10, 0.9),
    ]
    assert best_model(candidates) is candidates[3]


@pytest.fixture
def pipeline(spark):
    return PipelineModel([VectorSlicer(inputCol="a", outputCol="b", indices=[1])])


def test_an_earlier_model_is_replaced_as_a_whole(pipeline, tmp_path):
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    (model / "old.txt").write_text("old")
    write_bundle(model, pipeline, {"classifier": "x"}, np.arange(3.0))
    assert sorted(path.name for path in model.iterdir()) == [
        "card.json",
        "fill_spectrum.npy",
        "pipeline",
    ]
    card = json.loads((model / "card.json").read_text())
    assert card == {"classifier": "x", "fill_spectrum": "fill_spectrum.npy"}
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_failure_leaves_the_earlier_model(pipeline, tmp_path, monkeypatch):
    model = tmp_path / "model"
    write_bundle(model, pipeline, {"classifier": "first"}, None)

    def fail(path, content):
        raise OSError("disk full")

    monkeypatch.setattr(bundle, "write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bundle(model, pipeline, {"classifier": "second"}, None)
    assert json.loads((model / "card.json").read_text())["classifier"] == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
