"""A kind of features is one file: adding one takes its object in the registry and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import BaseModel
from pyspark.ml import PipelineModel
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import Vectors

from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.errors import UserError
from galspec_spark.ml.features import FEATURES
from galspec_spark.ml.features.kind import FeatureKind
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.release.drift import drift
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.spectrum.lines import LINES
from galspec_spark.train.stage import train
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.classifiers.test_registry import PRODUCT, texts_of
from tests.ml.synthetic import restframe, write_warehouse
from tests.test_layout import PACKAGE, reached

FOLDER = PACKAGE / "ml" / "features"
#: Names of kinds, except that of a table as well.
KINDS = FEATURES.keys() - {"lines"}
#: The paper's table is about its features.
MAY_NAME_KINDS = {"report/paper.py"}


def test_no_other_file_names_a_kind() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PRODUCT
        if FOLDER not in path.parents and path.is_relative_to(PACKAGE)
        if any(text in KINDS for text in texts_of(path))
    }
    assert found == MAY_NAME_KINDS


def test_the_registry_is_read_without_spark() -> None:
    for path in FOLDER.glob("*.py"):
        assert not {name for name in reached(path) if name.split(".")[0] in ("pyspark", "py4j")}


OF_LABEL = [
    line
    for line in LINES
    if line.name in ("h_beta", "oiii_5007", "nii_6548", "h_alpha", "nii_6583")
]


class Settings(BaseModel, extra="forbid", frozen=True):
    """The toy's settings."""

    half_width: int = 4


@dataclass(frozen=True)
class Windows:
    """Mean fluxes around lines: no basis, no reconstruction, no importance in wavelength."""

    half_width: int  # pixels
    basis = None
    explained_variance = ()

    @property
    def names(self):
        return [f"flux of {line.name}" for line in OF_LABEL]

    def transform(self, inputs):
        centres = np.searchsorted(wavelength(), [line.wavelength for line in OF_LABEL])
        pixels = centres[:, None] + np.arange(-self.half_width, self.half_width + 1)
        return inputs.flux.astype(float)[:, pixels].mean(axis=2)

    def reconstruct(self, features):
        return None

    def reconstruction_error(self, flux, features):
        return None

    def explain(self, weights, is_linear):
        return None

    def save(self, folder: Path) -> None:
        (folder / "toy.json").write_text(json.dumps(self.half_width))


def fit(spark, spectra, settings, folds, scratch):
    return [Windows(settings.half_width)] * (folds + 1)


TOY = FeatureKind(
    name="toy",
    label="fluxes of a toy",
    settings=Settings,
    count=lambda settings: len(OF_LABEL),
    fit=f"{__name__}.fit",
    read=lambda folder: Windows(json.loads((folder / "toy.json").read_text())),
)
#: The fourth classifier with them: no other test trains it all the way.
CLASSIFIERS = {
    "random_forest": {"fixed": {"numTrees": 5, "maxDepth": 4}},
    "gbt": {"fixed": {"maxIter": 1, "maxDepth": 3}},
}


@pytest.fixture(scope="module")
def toy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FEATURES, TOY.name, TOY)
        yield TOY


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Warehouse:
    return Warehouse(write_warehouse(tmp_path_factory.mktemp("in"), restframe()))


@pytest.fixture(scope="module")
def output(spark, toy, warehouse, run_of, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    settings = {"features": {"toy": {"half_width": 3}}, "n_best": 3, "classifiers": CLASSIFIERS}
    train(spark, run_of("train", train=settings), warehouse, folder, None)
    return folder


def test_results_are_of_its_features(output) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    assert [(r["kind"], r["classifier"], r["features"]) for r in metrics["results"]] == [
        ("toy", name, features) for features in ("all 5", "best 3") for name in CLASSIFIERS
    ]
    assert metrics["results"][0]["f1"] > metrics["majority_f1"]
    assert metrics["features"]["toy"]["explained_variance"] == []
    assert metrics["features"]["toy"]["importance"]["peaks"] == {}
    assert sum(metrics["features"]["toy"]["importance"]["features"]) == pytest.approx(1)


def test_the_report_leaves_out_what_it_cannot_tell(output) -> None:
    page = (output / "report.html").read_text()
    assert "fluxes of a toy" in page
    assert "principal components" not in page
    figures = {path.stem for path in (output / "figures").iterdir()}
    assert {"flow", "feature_importance", "permutation_importance"} <= figures
    assert not figures & {"eigenspectra", "explained_variance", "wavelength_importance"}


def test_its_model_classifies_a_release_and_measures_drift(
    spark, warehouse, output, run_of, tmp_path
) -> None:
    classify(spark, run_of("classify"), warehouse, output / "model", None)
    parts = [open_part(part).read() for part in warehouse.parts("catalog")]
    rows = pa.concat_tables(parts).to_pandas()
    used = rows[rows["reason"].isna()]
    assert used["reconstruction_error"].isna().all()
    assert not (used["flags"] & 1 << 5).any()  # OUTLIER: nobody can tell
    assert used["features"].map(len).eq(5).all()
    bundle = load_bundle(output / "model")
    assert "all_features" in " ".join(bundle.card.how_to_use)
    spark_model = PipelineModel.load(str(output / "model" / "pipeline"))
    values = np.stack(used["features"].to_list()).astype(float)
    frame = spark.createDataFrame([(Vectors.dense(v),) for v in values], ["all_features"])
    scored = spark_model.transform(frame).select(vector_to_array("probability")[1]).collect()
    np.testing.assert_allclose(bundle.classifier.score(values), [row[0] for row in scored])

    found = drift(run_of("drift"), warehouse, output / "model", "dr14", tmp_path)
    content = json.loads((tmp_path / "drift.json").read_text())
    assert {"flux of h_beta", "flux of h_alpha", "z"} <= set(content["edges"])
    assert "outlier" not in content["shares"]["train"]
    assert found["classified"] == len(used)


def test_an_unknown_kind_or_setting_is_named(toy) -> None:
    with pytest.raises(ValueError, match=r"unknown features 'x'; known: pca, .*formula, toy"):
        Config.model_validate({"train": {"features": {"x": None}}})
    with pytest.raises(ValueError, match=r"toy\.colour: "):
        Config.model_validate({"train": {"features": {"toy": {"colour": 1}}}})


def test_a_model_of_a_kind_that_is_gone_is_named(output, monkeypatch) -> None:
    monkeypatch.delitem(FEATURES, "toy")
    with pytest.raises(UserError, match="is a model of the features 'toy', which this version"):
        load_bundle(output / "model")
