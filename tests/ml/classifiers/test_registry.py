"""A classifier is one file: adding one takes its object in the registry and nothing else."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.ml import PipelineModel
from pyspark.ml.functions import array_to_vector, vector_to_array
from scipy.special import expit

from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import ClassifierKind, Scorer, logistic
from galspec_spark.ml.classifiers.saved_stage import matrix_of, row_of, vector_of
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.report.contents import title
from galspec_spark.report.style import colour
from galspec_spark.train import stage
from galspec_spark.train.stage import train
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.synthetic import restframe, write_warehouse
from tests.test_layout import PACKAGE, reached

FOLDER = PACKAGE / "ml" / "classifiers"
#: The paper's table is about the paper's classifiers.
MAY_NAME_CLASSIFIERS = {PACKAGE / "report" / "paper.py"}
PRODUCT = sorted(
    path
    for folder in (PACKAGE, PACKAGE.parent / "jobs", PACKAGE.parent / "pyspark_galspec")
    for path in folder.rglob("*")
    if path.suffix in (".py", ".html", ".css") and FOLDER not in path.parents
)
NAMES = re.compile(rf"\b({'|'.join(CLASSIFIERS)})\b")


def texts_of(path: Path) -> list[str]:
    """Return the strings of a Python file, or any other file as a whole."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return [content]
    constants = (node for node in ast.walk(ast.parse(content)) if isinstance(node, ast.Constant))
    return [node.value for node in constants if isinstance(node.value, str)]


def names_in(path: Path) -> list[str]:
    """Return the classifiers that a file names as the configuration does."""
    return [name for text in texts_of(path) for name in NAMES.findall(text)]


def test_no_other_file_names_a_classifier():
    named = {path for path in PRODUCT if names_in(path)}
    assert named == MAY_NAME_CLASSIFIERS


def test_no_other_file_imports_sparks_classifiers():
    for path in PRODUCT:
        if path.suffix == ".py":
            assert "pyspark.ml.classification" not in path.read_text(encoding="utf-8"), path


def test_each_is_told_from_the_others():
    kinds = CLASSIFIERS.values()
    for what in ("name", "label", "colour"):
        assert len({getattr(kind, what) for kind in kinds}) == len(CLASSIFIERS), what


def test_the_registry_is_read_without_spark():
    modules = [path for path in FOLDER.glob("*.py") if path.name != "settings.py"]
    assert len(modules) > len(CLASSIFIERS)
    for path in [*modules, *(PACKAGE / "config").glob("*.py")]:
        assert not {name for name in reached(path) if name.split(".")[0] in ("pyspark", "py4j")}


def test_the_logistic_function_is_scipys():
    margin = np.array([-1e4, -800.0, -40.0, -1.0, 0.0, 1e-9, 2.0, 50.0, 1e4])
    np.testing.assert_allclose(logistic(margin), expit(margin), rtol=1e-14)


@dataclass(frozen=True)
class NormalClasses:
    """Naive Bayes of two classes whose features are normally distributed."""

    prior: np.ndarray  # (2,), logarithms
    mean: np.ndarray  # (2, features)
    variance: np.ndarray
    columns: np.ndarray | None = None

    @property
    def weights(self):
        return np.abs(np.diff(self.mean, axis=0)[0])

    def score(self, features):
        used = features if self.columns is None else features[:, self.columns]
        squares = (used[:, None] - self.mean) ** 2 / self.variance + np.log(self.variance)
        likelihood = self.prior - squares.sum(axis=2) / 2
        return logistic(likelihood[:, 1] - likelihood[:, 0])

    def of_columns(self, columns, k):
        return NormalClasses(self.prior, self.mean, self.variance, columns)


def read_toy(stage: Path) -> Scorer:
    row = row_of(stage)
    return NormalClasses(vector_of(row["pi"]), matrix_of(row["theta"]), matrix_of(row["sigma"]))


TOY = ClassifierKind(
    name="toy",
    label="normally distributed toy",
    colour="#123456",
    estimator="pyspark.ml.classification.NaiveBayes",
    saved_as="org.apache.spark.ml.classification.NaiveBayesModel",
    settings={"fixed": {"modelType": "gaussian"}, "grid": {"n_features": (3,)}},
    is_default=False,
    gives_probability=True,
    is_linear=False,
    read=read_toy,
)


def test_a_registered_classifier_is_trained_saved_read_and_scored(spark, tmp_path, monkeypatch):
    monkeypatch.setitem(CLASSIFIERS, TOY.name, TOY)
    settings = {"features": {"pca": {"n_components": 4}}, "n_best": 4, "classifiers": {"toy": None}}
    run = Run.start("train", Config.model_validate({"train": settings}))
    warehouse, output = Warehouse(write_warehouse(tmp_path / "in", restframe())), tmp_path / "out"
    monkeypatch.setattr(stage, "write_report", lambda output, _: output)  # tests/report draws it
    train(spark, run, warehouse, output, None)

    metrics = json.loads((output / "metrics.json").read_text())
    (result,) = metrics["results"]
    assert (result["classifier"], result["hyperparameters"]) == ("toy", {"modelType": "gaussian"})
    assert result["f1"] > metrics["majority_f1"]
    assert len(metrics["features"]["pca"]["importance"]["peaks"]["toy"]) > 0
    assert TOY.label in (output / "table1.md").read_text()
    assert (title("toy"), colour("toy")) == (TOY.label, TOY.colour)

    bundle = load_bundle(output / "model")
    rows = read_table(spark, warehouse, "restframe").where("flux is not null")
    spectra = rows.withColumn("spectrum", array_to_vector("flux"))
    model = PipelineModel.load(str(output / "model" / "pipeline"))
    scored = model.transform(spectra).select("flux", vector_to_array("probability")[1]).collect()
    flux, expected = (np.array(column) for column in zip(*scored, strict=True))
    found = bundle.classifier.score(
        bundle.features.transform(Inputs(flux, np.ones_like(flux), pa.table({})))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert np.ptp(found) > 0.9
