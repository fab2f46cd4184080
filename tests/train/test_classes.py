"""Four classes through every stage, on simulated spectra."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.functions import array_to_vector
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.run import Run
from galspec_spark.labels import BINARY
from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.ml.evaluation.prediction_sets import PredictionSets
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.simulate.restframe import simulate_restframe
from galspec_spark.train.earlier import EarlierRun
from galspec_spark.train.promote import promote
from galspec_spark.train.results import read_predictions
from galspec_spark.train.stage import train
from galspec_spark.verify.rows import check_rows
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.tables import Warehouse
from tests.warehouses import in_parts, write_tables

NAMES = ("quiescent", "starburst", "starforming", "AGN")
PREPROCESS = {
    "folds": 2,
    "label": {
        "quiescent": ["", "BROADLINE"],
        "starforming": ["STARFORMING", "STARFORMING BROADLINE"],
        "starburst": ["STARBURST", "STARBURST BROADLINE"],
        "AGN": ["AGN"],
    },
}
TRAIN = {
    "features": {"pca": {"n_components": 8}},
    "n_best": 8,
    "classifiers": {
        "logistic_regression": {"fixed": {"regParam": 1e-4}},
        "linear_svc": {"fixed": {"regParam": 1e-4}},
        "random_forest": {"fixed": {"numTrees": 10, "maxDepth": 6}},
    },
}


def run_of(**sections) -> Run:
    content = {"simulate": {"spectra": 800}, "preprocess": PREPROCESS, "train": TRAIN}
    return Run.start("test", Config.model_validate(content | sections))


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """Train, and classify; return the warehouse, the output folder and the metrics."""
    warehouse, output = Warehouse(tmp_path_factory.mktemp("w")), tmp_path_factory.mktemp("out")
    counts = simulate_restframe(spark, run_of(), warehouse)
    assert tuple(counts["classes"]) == NAMES
    train(spark, run_of(), warehouse, output, None)
    return warehouse, output, Metrics.model_validate_json((output / "metrics.json").read_bytes())


@pytest.fixture(scope="module")
def predictions(spark, trained) -> list[pa.Table]:
    """Return what each classifier says of the test split."""
    _, output, metrics = trained
    return [read_predictions(spark, output, each).toArrow() for each in metrics.results]


def test_each_classifier_is_scored_class_by_class(trained, predictions) -> None:
    *_, metrics = trained
    assert metrics.classes == NAMES
    assert {each.classifier for each in metrics.results} == set(TRAIN["classifiers"])
    for i, result in enumerate(metrics.results):
        labels, predicted = (predictions[i][name].to_numpy() for name in ("label", "prediction"))
        np.testing.assert_array_equal(result.confusion, confusion_matrix(labels, predicted))
        *expected, spectra = precision_recall_fscore_support(labels, predicted, zero_division=0)
        each = [result.by_class[name] for name in NAMES]
        found = [[s.precision or 0, s.recall or 0, s.f1 or 0] for s in each]
        np.testing.assert_allclose(found, np.transpose(expected), rtol=1e-9)
        assert [s.spectra for s in each] == spectra.tolist()
        assert result.agn_f1 == result.by_class["AGN"].f1
        assert result.other_f1 is None
        for scores in each:
            low, high = scores.f1_interval
            assert low <= scores.f1 <= high
        assert result.f1 > metrics.majority_f1 + 0.1
        assert np.count_nonzero([s.recall for s in each]) >= 3


def test_probabilities_are_of_each_class(trained, predictions) -> None:
    *_, metrics = trained
    for i, result in enumerate(metrics.results):
        rows = predictions[i]
        labels = rows["label"].to_numpy()
        p = np.stack(rows["probabilities"].to_numpy())
        np.testing.assert_allclose(p.sum(axis=1), 1)
        np.testing.assert_array_equal(p[:, -1], rows["probability"].to_numpy())
        expected = np.where(p[:, -1] >= result.threshold.probability, 3, p[:, :3].argmax(axis=1))
        np.testing.assert_array_equal(rows["called"].to_numpy(), expected)
        sn = rows["sn_median"].to_numpy().astype(float)
        sets = result.prediction_sets
        contain = PredictionSets(sets.level, sets.of_class).contain(p, sn)
        covered = [contain[labels == label, label].sum() for label in range(4)]
        assert [result.prediction_sets.of(name.lower()).covered for name in NAMES] == covered


def test_stock_spark_predicts_the_same(spark, trained, predictions) -> None:
    warehouse, output, metrics = trained
    model = PipelineModel.load(f"file:{output / 'model' / 'pipeline'}")
    fill = np.load(output / "model" / "fill_spectrum.npy").tolist()
    rows = (
        read_table(spark, warehouse, "restframe").select("spectrum_id", "flux", "ivar").toPandas()
    )
    rows["filled"] = [
        np.where(np.array(ivar) > 0, flux, fill).tolist()
        for flux, ivar in zip(rows["flux"], rows["ivar"], strict=True)
    ]
    spectra = spark.createDataFrame(rows[["spectrum_id", "filled"]])
    found = model.transform(spectra.withColumn("spectrum", array_to_vector("filled")))
    found = found.select("spectrum_id", "prediction").toPandas()
    best = predictions[metrics.best]
    expected = best.select(["spectrum_id", "prediction"]).to_pandas()
    both = found.merge(expected, on="spectrum_id", suffixes=("", "_expected"))
    assert len(both) == len(best)
    np.testing.assert_array_equal(both["prediction"], both["prediction_expected"])


def test_the_catalogue_has_the_classes(spark, trained) -> None:
    warehouse, output, _ = trained
    summary = classify(spark, run_of(), warehouse, output / "model", None)
    assert set(summary["classes"]) <= {*NAMES, "abstain"}
    assert len(summary["against_labels"]["confusion"]) == 4
    for part in warehouse.parts("catalog"):
        rows = open_part(part).read()
        assert rows.schema.metadata[b"classes"] == "|".join(NAMES).encode()
        classes, margin = np.array(rows["class"].to_pylist()), rows["margin"].to_numpy()
        given = classes != "abstain"
        np.testing.assert_array_equal((classes == "AGN")[given], (margin >= 0)[given])
        assert len(set(classes[given])) >= 3
        (batch,) = rows.combine_chunks().to_batches()
        assert check_rows("catalog", part, batch) == []
        wrong = batch.set_column(
            batch.schema.get_field_index("class"),
            batch.schema.field("class"),
            pc.replace_substring(batch["class"], "quiescent", "other"),
        )
        assert [each.kind for each in check_rows("catalog", part, wrong)] == [
            "impossible_prediction"
        ]


def test_the_report_shows_each_class(trained) -> None:
    _, output, metrics = trained
    table = (output / "table1.md").read_text()
    assert "## Each class" in table
    assert "everything “" in table
    assert "“other”" not in table
    page = (output / "report.html").read_text()
    f1 = metrics.best_result.by_class["starburst"].f1
    assert "starburst" in page
    assert f"{f1:.4f}" in page
    card = json.loads((output / "model" / "card.json").read_text())
    assert "3 is AGN, 0 is quiescent, 1 is starburst" in card["how_to_use"][-1]
    assert load_bundle(output / "model").classes.names == NAMES


def test_other_classes_are_refused(spark, trained, tmp_path) -> None:
    warehouse, output, _ = trained
    with pytest.raises(UserError, match="the table sample was labelled by"):
        train(spark, run_of(preprocess={"folds": 2}), warehouse, tmp_path, None)
    row = pa.table({"spectrum_id": ["a"], "object_id": ["a"]})
    binary = Warehouse(write_tables(tmp_path / "binary", in_parts(row, 1)))
    for use in (
        lambda: classify(spark, run_of(), binary, output / "model", None),
        lambda: promote(spark, binary, output, output / "model"),
    ):
        with pytest.raises(UserError, match=r"\.label .*: preprocess with the model's"):
            use()
    with pytest.raises(UserError, match=r"its classes are quiescent, .* those of this run other"):
        EarlierRun.open(str(output), BINARY)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"classifiers": {"gbt": None}}, "train.classifiers.gbt"),
        ({"features": {"formula": {}}, "n_best": 1}, "train.features.formula"),
    ],
)
def test_what_knows_two_classes_only_is_refused(spark, trained, tmp_path, settings, where) -> None:
    with pytest.raises(ConfigError, match=f"{where} tells AGN from the rest only, not 4 classes"):
        train(spark, run_of(train=settings), trained[0], tmp_path, None)
