"""The choice of the best model, and the folder that holds it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.classification import LinearSVC
from pyspark.ml.feature import VectorSlicer
from pyspark.ml.linalg import Vectors
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable

from galspec_spark import __version__
from galspec_spark.config import LabelConfig
from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers.linear import Linear
from galspec_spark.ml.evaluation.calibration import Calibration, Threshold
from galspec_spark.ml.evaluation.prediction_sets import (
    GREATEST,
    ClassLimits,
    PredictionSets,
)
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.pca import Coefficients
from galspec_spark.ml.model import write
from galspec_spark.ml.model.bundle import checksum_of, load_bundle
from galspec_spark.ml.model.card import Card
from galspec_spark.ml.model.profile import Profile
from galspec_spark.ml.model.training_objects import IDENTITY, TRAINING_OBJECTS, TrainingObjects
from galspec_spark.ml.model.write import best_model, copy_bundle, write_bundle
from galspec_spark.ml.pca.estimator import native_model
from galspec_spark.spectrum.grid import GRID_ID
from galspec_spark.warehouse.schemas import SAMPLE
from tests.report import sample

FILL = np.arange(3, dtype=np.float32)
COMPONENTS = Components(np.arange(3) + 1.0, np.eye(3)[:2], np.array([0.7, 0.2]))
FEATURES = Coefficients(COMPONENTS, is_masked=True)
PROFILE = Profile(
    edges={"z": [0.1, 0.2]},
    bins={"z": [1, 2, 3, 0]},
    ranges={"z": [0.01, 0.3]},
    sn_edges=[10.0],
    error_limits=[0.2, 0.1],
    shares={"agn": [8, 2]},
)
TRAINING = pa.table(
    {
        "object_id": ["sdss-dr8-1-2-3", "b"],
        "survey_object_id": ["sdss-9", None],
        "ra": [10.0, None],
        "dec": [-1.0, None],
    },
    pa.schema([SAMPLE.field(name) for name in IDENTITY]),
)
CARD = Card(
    classifier="linear_svc",
    features="pca",
    selected=[1],
    chosen_by="test",
    how_to_use=[],
    grid={"id": GRID_ID, "loglam0": 3.5, "step": 1e-4, "pixels": 3},
    label_policy=LabelConfig(),
    normalisation="median",
    calibration=Calibration("platt", False, 1.5, -0.5),
    threshold=Threshold(0.3, 0.9, 0.8, 0.85, True),
    prediction_sets=PredictionSets(
        0.9,
        (ClassLimits(9, 0.7, (12.5,), (0.8, 0.6)), ClassLimits(8, GREATEST, (), (GREATEST,))),
    ),
    recipe={"preprocess": {}, "train": {}},
    data={"surveys": "sdss dr14", "fingerprint": "0", "counts": sample.COUNTS},
    metrics=sample.result("linear_svc", "best 1", [1], 14, 6),
    version=__version__,
    run_id="20260131T120000-1f3a",
    config_hash="0123456789ab",
    versions={"python": "3.12", "pyspark": "4.0.0", "numpy": "2.0"},
)


def chosen(*candidates: tuple[str, int, float | None]) -> int:
    trained = [
        SimpleNamespace(classifier=classifier, selected=list(range(n_features)))
        for classifier, n_features, _ in candidates
    ]
    results = [CARD.metrics.model_copy(update={"cv_agn_f1": score}) for *_, score in candidates]
    return best_model(trained, results)


def test_the_best_is_chosen_by_cross_validation():
    found_no_agn = ("logistic_regression", 10, None)
    assert chosen(found_no_agn, ("random_forest", 20, 0.9), ("linear_svc", 20, 0.8)) == 1


def test_of_equals_the_simplest():
    assert (
        chosen(
            ("random_forest", 10, 0.9),
            ("logistic_regression", 20, 0.9),
            ("linear_svc", 10, 0.9),
            ("logistic_regression", 10, 0.9),
        )
        == 3
    )


@pytest.fixture(scope="module")
def pipeline(spark):
    pca = native_model(COMPONENTS).setInputCol("spectrum").setOutputCol("a")
    slicer = VectorSlicer(inputCol="a", outputCol="features", indices=[1])
    rows = spark.createDataFrame(
        [(Vectors.dense([x]), int(x > 3)) for x in range(6)], ["features", "label"]
    )
    return PipelineModel([pca, slicer, LinearSVC(maxIter=5).fit(rows)])


@pytest.fixture(scope="module")
def written(pipeline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    write_bundle(folder / "model", pipeline, CARD, PROFILE, FEATURES, FILL, TRAINING)
    return folder / "model"


@pytest.fixture
def model(written, tmp_path):
    """A model of the test's own."""
    return shutil.copytree(written, tmp_path / "model")


def test_what_was_written_is_read(model):
    read = load_bundle(model)
    assert read.card.classifier == "linear_svc"
    assert isinstance(read.classifier, Linear)
    assert read.classifier.weights[0] == 0
    assert read.classifier.weights[1] > 0
    assert read.threshold == 0.3
    assert read.profile == PROFILE
    np.testing.assert_array_equal(read.fill_spectrum, FILL)
    assert read.features.is_masked
    for name, array in vars(COMPONENTS).items():
        np.testing.assert_array_equal(getattr(read.features.components, name), array)
    assert read.calibration == Calibration("platt", False, 1.5, -0.5)
    assert TrainingObjects.read(model).contain(TRAINING).all()


def test_a_model_that_does_not_say_what_it_learned_from_is_refused(model):
    (model / TRAINING_OBJECTS).unlink()
    content = json.loads((model / "card.json").read_text())
    del content["checksum"], content["files"][TRAINING_OBJECTS]
    content["checksum"] = checksum_of(content)
    (model / "card.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="does not say which objects it learned from: train again"):
        load_bundle(model)


def test_a_model_may_be_reached_by_a_link_and_in_a_folder_of_any_name(model, tmp_path):
    there = tmp_path / "z=3" / "weights=1"
    there.parent.mkdir()
    model.rename(there)
    (tmp_path / "current").symlink_to(there)
    assert load_bundle(tmp_path / "current").classifier.weights[1] > 0
    copy_bundle(tmp_path / "current", tmp_path / "copy")
    copy_bundle(tmp_path / "copy", tmp_path / "current")  # takes the link's place
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "current", "z=3"]
    assert load_bundle(tmp_path / "current").id == load_bundle(there).id


def test_an_earlier_model_is_replaced_as_a_whole(pipeline, tmp_path):
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    (model / "old.txt").write_text("old")
    write_bundle(model, pipeline, CARD, PROFILE, FEATURES, FILL, TRAINING)
    names = ["card.json", "features", "fill_spectrum.npy", "pipeline", "profile.json"]
    names.append(TRAINING_OBJECTS)
    assert sorted(path.name for path in model.iterdir()) == names
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_failure_leaves_the_earlier_model(pipeline, model, monkeypatch):
    def fail(path, content):
        raise OSError("disk full")

    monkeypatch.setattr(write, "write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bundle(
            model,
            pipeline,
            CARD.model_copy(update={"classifier": "second"}),
            PROFILE,
            FEATURES,
            FILL,
            TRAINING,
        )
    assert load_bundle(model).card.classifier == "linear_svc"
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def linked(path: Path) -> None:
    """Move something out of the model, and leave a link to it."""
    elsewhere = Path(tempfile.mkdtemp()) / path.name
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda m: (m / "card.json").unlink(), "no model in .*: cannot read card.json"),
        (lambda m: (m / "card.json").write_text("{"), "card.json is not a model's card"),
        (lambda m: (m / "card.json").write_text("[]"), "card.json is not a model's card"),
        (
            lambda m: (m / "card.json").write_text(
                (m / "card.json").read_text().replace("linear_svc", "random_forest")
            ),
            "card.json was changed after training",
        ),
        (lambda m: (m / "fill_spectrum.npy").unlink(), "fill_spectrum.npy is missing"),
        (
            lambda m: np.savez(m / "features/components.npz", np.zeros(3)),
            "features/components.npz was changed",
        ),
        (
            lambda m: (m / "pipeline" / "more.txt").write_text("x"),
            "pipeline/more.txt was added",
        ),
        (lambda m: (m / "pipeline/stages/9_none").mkdir(), "stages/9_none was added"),
        (lambda m: linked(m / "pipeline/stages"), "pipeline/stages is a link"),
        (lambda m: linked(next((m / "pipeline/stages").iterdir())), "stages/._.* is a link"),
        (lambda m: linked(m / "fill_spectrum.npy"), "fill_spectrum.npy is a link"),
        (lambda m: linked(m / "card.json"), "card.json is a link"),
        (
            lambda m: (m / "pipeline/stages/9_more").symlink_to(m / "pipeline"),
            "stages/9_more is a link",
        ),
        (lambda m: os.mkfifo(m / "features/pipe"), "features/pipe is a link or no plain file"),
    ],
)
def test_damage_is_named(model, damage, message):
    damage(model)
    with pytest.raises(UserError, match=message):
        load_bundle(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"grid": CARD.grid.model_copy(update={"id": "other"})},
            "a model of the grid other",
        ),
        (
            {"versions": CARD.versions.model_copy(update={"pyspark": "99.1.0"})},
            "made with pyspark 99.1.0, this is ",
        ),
        ({"version": "99.0.0"}, "made with galspec_spark 99.0.0, this is "),
    ],
)
def test_what_does_not_fit_is_named(pipeline, tmp_path, change, message):
    write_bundle(
        tmp_path / "model",
        pipeline,
        CARD.model_copy(update=change),
        PROFILE,
        FEATURES,
        FILL,
        TRAINING,
    )
    with pytest.raises(UserError, match=message):
        load_bundle(tmp_path / "model")


def test_a_card_of_another_version_is_named(model):
    content = json.loads((model / "card.json").read_text()) | {"version": "0.0.9", "more": 1}
    del content["checksum"]
    content["checksum"] = checksum_of(content)
    (model / "card.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"is of galspec_spark 0\.0\.9, which this version"):
        load_bundle(model)


def test_card_is_json_that_people_can_read(model):
    card = json.loads((model / "card.json").read_text())
    assert set(card["files"]) >= {"fill_spectrum.npy", "pipeline/metadata/_SUCCESS"}


def test_a_foreign_class_is_never_loaded(spark, tmp_path):
    """A stage that Spark would import and run, in a folder that is otherwise sound."""
    foreign = PipelineModel([native_model(COMPONENTS).setOutputCol("a"), NeverLoaded()])
    write_bundle(tmp_path / "model", foreign, CARD, PROFILE, FEATURES, FILL, TRAINING)
    with pytest.raises(UserError, match=r"is of the class tests.*NeverLoaded, which no model of"):
        load_bundle(tmp_path / "model")


class NeverLoaded(Transformer, DefaultParamsReadable, DefaultParamsWritable):
    """A transformer of somebody else."""

    @classmethod
    def read(cls):
        raise AssertionError("foreign code was run")

    def _transform(self, dataset):
        return dataset
