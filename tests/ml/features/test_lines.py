"""Features made of measured lines: their values, and the whole way beside components."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PythonException
from pyspark.ml import PipelineModel
from pyspark.ml.linalg import Vectors
from pyspark.sql import SparkSession

from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.measure.schema import LINES
from galspec_spark.ml.features import formula, lines
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.release.drift import drift
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.train.stage import train
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.synthetic import restframe, write_warehouse
from tests.warehouses import with_columns

RunOf = Callable[..., Run]
STARS = "stars 0123"


def table_of(columns: dict, templates: str = STARS) -> pa.Table:
    """Return rows of ``lines``, null where a column is not given."""
    numbers = [f"{i}" for i in range(len(next(iter(columns.values()))))]
    arrays = {
        name: pa.array(values, LINES.field(name).type, from_pandas=True)
        for name, values in ({"spectrum_id": numbers} | columns).items()
    }
    rows = pa.table(arrays)
    return with_columns(rows, LINES, {"templates": templates, "templates_seen": False})


def inputs_of(rows: pa.Table) -> Inputs:
    empty = np.empty((0, PIXELS), np.float32)
    return Inputs(empty, empty, rows)


# --- Values ---


def values(**columns: list[float]) -> dict[str, np.ndarray]:
    features = lines.of_templates(STARS)
    found = features.transform(inputs_of(table_of(columns)))
    return dict(zip(features.names, found.T, strict=True))


def test_a_strength_is_the_compressed_signal_to_noise() -> None:
    found = values(h_beta_area=[30.0, -2.0], h_beta_area_err=[3.0, 1.0])
    np.testing.assert_allclose(found["S/N of Hβ"], np.arcsinh([10, -2]), rtol=1e-6)


def test_a_ratio_counts_a_line_below_its_error_as_strong_as_that() -> None:
    found = values(
        nii_6583_area=[20.0, -5.0],
        nii_6583_area_err=[1.0, 1.0],
        h_alpha_area=[200.0, 100.0],
        h_alpha_area_err=[1.0, 1.0],
    )
    np.testing.assert_allclose(found["log [N II]6583 / Hα"], [-1, -2], rtol=1e-6)


def test_what_was_not_measured_is_0_and_no_agn() -> None:
    found = values(formula_margin=[np.nan, 2.5, 1e6])
    np.testing.assert_allclose(found["margin of the formula"], [0, 2.5, lines.FURTHEST])
    assert all((each == 0).all() for name, each in found.items() if "margin" not in name)
    alone = formula.of_templates(STARS).transform(inputs_of(table_of({"formula_margin": [np.nan]})))
    assert alone.tolist() == [[-lines.FURTHEST]]


def test_lines_of_other_templates_are_refused() -> None:
    rows = table_of({"formula_margin": [1.0]}, templates="others 4567")
    with pytest.raises(UserError, match=r"others 4567.*learned from with stars 0123"):
        formula.of_templates(STARS).transform(inputs_of(rows))


# --- The whole way ---

KINDS = {"pca": {"n_components": 4}, "lines": None, "formula": None}
SETTINGS = {
    "features": KINDS,
    "n_best": 2,
    "classifiers": {
        "logistic_regression": {"fixed": {"maxIter": 5, "regParam": 0.01}},
        "random_forest": {"fixed": {"numTrees": 5, "maxDepth": 3}},
    },
}


def write_lines(warehouse: Warehouse, templates: str = STARS) -> None:
    """Write lines of which the margin's sign is the label, in all but one of 20 spectra."""
    random = np.random.default_rng(3)
    decided = {row["spectrum_id"]: row for row in read(warehouse, "sample")}
    for part in warehouse.parts("restframe"):
        ids = open_part(part).read(["spectrum_id"])["spectrum_id"].to_pylist()
        labels = np.array([decided[each]["label"] or 0 for each in ids])
        wrong = np.array([int(each[-4:]) % 20 == 5 for each in ids])
        margin = random.uniform(0.1, 5, len(ids)) * np.where(labels ^ wrong, 1, -1)
        strength = np.abs(random.normal(5, 2, len(ids))) * (1 + labels)
        rows = table_of(
            {
                "spectrum_id": ids,
                "formula_margin": margin,
                "oiii_5007_area": strength,
                "oiii_5007_area_err": np.ones(len(ids)),
                "templates_seen": [int(each[-4:]) % 7 == 2 for each in ids],
            },
            templates,
        )
        place = warehouse.root / warehouse.place_of(part).replace("restframe", "lines")
        Path(place.path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, place.path)


def read(warehouse: Warehouse, table: str) -> list[dict]:
    return [row for part in warehouse.parts(table) for row in open_part(part).read().to_pylist()]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(write_warehouse(tmp_path_factory.mktemp("in"), restframe()))
    write_lines(warehouse)
    return warehouse


@pytest.fixture(scope="module")
def output(
    spark: SparkSession, warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("out")
    run = Run.start("train", Config.model_validate({"train": SETTINGS}))
    train(spark, run, warehouse, folder, None)
    return folder


def test_all_kinds_are_compared_on_the_same_objects(output: Path) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    names = list(SETTINGS["classifiers"])
    assert [(r["kind"], r["classifier"], r["features"]) for r in metrics["results"]] == [
        *(("pca", name, features) for features in ("all 4", "best 2") for name in names),
        *(("lines", name, features) for features in ("all 19", "best 2") for name in names),
        ("formula", "sign_of_margin", "all 1"),
    ]
    assert {np.sum(result["confusion"]) for result in metrics["results"]} == {
        metrics["counts"]["test"]
    }
    assert list(metrics["features"]) == list(KINDS)
    assert metrics["features"]["lines"]["names"] == list(lines.NAMES)
    best = int(np.argmax(metrics["features"]["lines"]["importance"]["features"]))
    assert lines.NAMES[best] in ("margin of the formula", "S/N of [O III]5007")


def test_the_formula_is_the_sign_of_the_margin_and_is_not_trained(output: Path, warehouse) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    (result,) = (each for each in metrics["results"] if each["kind"] == "formula")
    margin = {row["spectrum_id"]: row["formula_margin"] > 0 for row in named(warehouse)}
    rows = [row for row in read(warehouse, "sample") if row["split"] == "test"]
    counts = np.zeros((2, 2), int)
    for row in rows:
        counts[row["label"], int(margin[row["spectrum_id"]])] += 1
    assert result["confusion"] == counts.tolist()
    assert counts[0, 1] + counts[1, 0] > 0  # the test could not tell it from a trained one else


def test_scores_on_spectra_that_the_templates_have_seen_are_marked(
    output: Path, warehouse: Warehouse
) -> None:
    metrics = json.loads((output / "metrics.json").read_text())
    tested = [row["spectrum_id"] for row in read(warehouse, "sample") if row["split"] == "test"]
    seen = sum(int(each[-4:]) % 7 == 2 for each in tested)
    found = {kind: record["seen_by_templates"] for kind, record in metrics["features"].items()}
    assert 0 < seen < len(tested)
    assert found == {"pca": 0, "lines": seen, "formula": seen}
    for name in ("table1.md", "report.html"):
        text = (output / name).read_text()
        assert f"learned from {seen} of the {len(tested)} test spectra" in text
        assert "measures of lines †" in text
        assert "principal components †" not in text


def named(warehouse: Warehouse) -> list[dict]:
    """Return rows of ``lines`` with the identifiers of their spectra."""
    pairs = zip(read(warehouse, "restframe"), read(warehouse, "lines"), strict=True)
    return [measured | {"spectrum_id": moved["spectrum_id"]} for moved, measured in pairs]


def test_the_report_compares_the_kinds(output: Path) -> None:
    page = (output / "report.html").read_text()
    assert "SDSS’s formula" in page
    assert "best 2 measures of lines" in page
    figures = {path.stem for path in (output / "figures").iterdir()}
    assert {"kinds", "eigenspectra", "wavelength_importance"} <= figures


def test_the_formula_s_model_is_stock_and_classifies(
    spark: SparkSession, warehouse: Warehouse, run_of: RunOf, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "features": {"formula": None}}
    train(spark, run_of("train", train=settings), warehouse, tmp_path, None)
    model = PipelineModel.load(str(tmp_path / "model" / "pipeline"))
    frame = spark.createDataFrame(
        [(Vectors.dense([value]),) for value in (-3.0, 0.2)], ["all_features"]
    )
    assert [row.prediction for row in model.transform(frame).collect()] == [0, 1]

    classify(spark, run_of("classify"), warehouse, tmp_path / "model", None)
    margin = {row["spectrum_id"]: row["formula_margin"] for row in named(warehouse)}
    rows = [row for row in read(warehouse, "catalog") if row["features"]]
    assert rows
    for row in rows:
        assert row["features"] == [pytest.approx(margin[row["spectrum_id"]])]
    found = drift(run_of("drift"), warehouse, tmp_path / "model", "dr14", tmp_path)
    content = json.loads((tmp_path / "drift.json").read_text())
    assert "margin of the formula" in content["edges"]
    assert found["classified"] == len(rows)

    bundle = load_bundle(tmp_path / "model")
    assert bundle.features.templates == STARS
    write_lines(warehouse, "others 4567")
    with pytest.raises(PythonException, match="measure with the same"):
        classify(
            spark, run_of("classify", classify={"abstain": []}), warehouse, tmp_path / "model", None
        )
    write_lines(warehouse)


def test_a_warehouse_without_lines_is_named(spark: SparkSession, tmp_path: Path) -> None:
    root = write_warehouse(tmp_path / "in", restframe())
    run = Run.start("train", Config.model_validate({"train": SETTINGS}))
    with pytest.raises(UserError, match=r"no table 'lines'.*galspec measure"):
        train(spark, run, Warehouse(root), tmp_path / "out", None)


def test_the_formula_s_classifier_is_not_for_other_features() -> None:
    with pytest.raises(ValueError, match="unknown classifier 'sign_of_margin'"):
        Config.model_validate({"train": {"classifiers": {"sign_of_margin": None}}})
