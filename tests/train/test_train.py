"""The whole stage on synthetic rest-frame spectra, and what it says to bad input."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.ml.functions import array_to_vector
from scipy.stats import binomtest

from galspec_spark.config import Config
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.run import Run
from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.spectrum.grid import GRID_ID, PIXELS
from galspec_spark.train.earlier import Comparison
from galspec_spark.train.stage import train
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.storage import write_json
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.synthetic import FOLDS, restframe, write_warehouse
from tests.submit import run_here

K, BEST = 6, 3
SMALL = {
    "features": {"pca": {"n_components": K}},
    "n_best": BEST,
    "classifiers": {
        "logistic_regression": {"fixed": {"maxIter": 6}, "grid": {"regParam": [0.001, 10.0]}},
        "linear_svc": {"fixed": {"maxIter": 3, "regParam": 0.01}},
        "random_forest": {"fixed": {"impurity": "entropy", "numTrees": 5, "maxDepth": 3}},
    },
}
CLASSIFIERS = list(SMALL["classifiers"])

PREDICT = """
import sys
from pyspark.sql import SparkSession
from pyspark.ml import PipelineModel
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
model = PipelineModel.load(sys.argv[1])
rows = model.transform(spark.read.parquet(sys.argv[2])).orderBy("spectrum_id").collect()
print("predicted", *(int(row.prediction) for row in rows))
assert not any(name.startswith("galspec") for name in sys.modules)
"""


def run_with(**sections) -> Run:
    return Run.start("train", Config.model_validate({"train": SMALL, **sections}))


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """Train once, on one part; return the warehouse, the output folder and the summary."""
    root = write_warehouse(tmp_path_factory.mktemp("warehouse"), restframe(), parts=1)
    held = {"files": 180, "quarantined": 2, "spectra": 180, "seconds": 1.5}
    write_json(root / "summary.json", {"ingest": {"warehouse": held}})
    output = tmp_path_factory.mktemp("output")
    return root, output, train(spark, run_with(), Warehouse(root), output, None)


@pytest.fixture(scope="module")
def metrics(trained):
    return json.loads((trained[1] / "metrics.json").read_text())


def test_metrics_are_read_as_they_were_written(metrics):
    assert Metrics.model_validate(metrics).model_dump(mode="json") == metrics


def test_results_are_table_1(metrics):
    found = [(result["classifier"], result["features"]) for result in metrics["results"]]
    assert found == [(name, f) for f in (f"all {K}", f"best {BEST}") for name in CLASSIFIERS]
    for result in metrics["results"]:
        assert sum(map(sum, result["confusion"])) == metrics["counts"]["test"]
        assert min(result["cv_f1"], result["f1"], result["roc_auc"]) > 0.8  # the lines tell
        assert set(result["seconds"]) == {"search", "fit", "predict"}
    assert metrics["results"][0]["hyperparameters"]["regParam"] == 0.001
    assert metrics["results"][0]["f1"] > metrics["majority_f1"]


def test_counts_and_stages(metrics):
    assert metrics["counts"] == {
        "files": 180,
        "files_quarantined": 2,
        "spectra": 180,
        "simulated": 0,
        "selected": 162,
        "labelled": 162,
        "train": 130,
        "test": 32,
        "train_agn": metrics["counts"]["train_agn"],
        "test_agn": metrics["counts"]["test_agn"],
        "objects": 162,
        "folds": FOLDS,
    }
    assert metrics["left_out"] == {"coverage": 18}
    stages = ["ingest", "features", "all features", "elimination", "evaluation"]
    assert list(metrics["seconds"]) == stages
    assert (metrics["grid"], metrics["data"]) == (GRID_ID, "sdss dr14")


def test_the_best_features_are_the_forests(metrics):
    importance = metrics["features"]["pca"]["importance"]["features"]
    assert len(importance) == K
    assert sum(importance) == pytest.approx(1)
    best = metrics["features"]["pca"]["importance"]["best"]
    assert best == sorted(range(K), key=lambda i: -importance[i])[:BEST]
    assert metrics["results"][-1]["selected"] == best


def test_components_know_the_training_split_only(metrics):
    table = restframe()
    flux = table.filter(pc.equal(table["split"], "train"))["flux"].combine_chunks().flatten()
    values = np.linalg.svd(_centred(flux.to_numpy().reshape(130, -1)), compute_uv=False)
    expected = (values**2 / (values**2).sum())[:K]
    np.testing.assert_allclose(
        metrics["features"]["pca"]["explained_variance"], expected, rtol=1e-5
    )


def _centred(flux: np.ndarray) -> np.ndarray:
    return flux - flux.mean(axis=0, dtype=np.float64)


def test_files_and_summary(trained):
    _, output, summary = trained
    assert (output / "table1.md").read_text().startswith("# Table 1")
    assert (output / "report.html").stat().st_size > 20_000
    assert list((output / "figures").glob("*.png"))
    assert summary["report"] == str(output / "report.html")
    assert {"model", "f1", "agn_f1", "cv_f1", "cv_agn_f1", "results", "train"} <= set(summary)


def test_the_test_split_can_be_looked_at(trained, metrics):
    _, output, summary = trained
    page = (output / "spectra.html").read_text()
    assert summary["viewer"] == str(output / "spectra.html")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    predictions = pq.read_table(output / "predictions" / "part.parquet").to_pandas()
    best = metrics["results"][metrics["best"]]
    for name in ("classifier", "kind", "features"):
        predictions = predictions[predictions[name] == best[name]]
    columns = pd.DataFrame(data["columns"]).set_index("spectrum_id")
    assert set(columns.index) == set(predictions["spectrum_id"])
    found = columns.loc[predictions["spectrum_id"]]
    probability = predictions["probability"]
    np.testing.assert_allclose(found["probability"], probability, atol=1e-4)
    is_wrong = predictions["called"] != predictions["label"]
    differs = found["flags"].to_numpy() & (1 << FLAG_BITS["LABEL_DIFFERS"]) != 0
    np.testing.assert_array_equal(differs, is_wrong)
    groups = columns["flags"].to_numpy() & (1 << FLAG_BITS["LABEL_DIFFERS"]) != 0
    assert groups[0] or not is_wrong.any()  # the first to be looked at
    assert set(columns["split"]) == {"test"}


def test_model_predicts_the_same_in_a_process_that_imports_only_pyspark(spark, trained, tmp_path):
    root, output, _ = trained
    card = json.loads((output / "model" / "card.json").read_text())
    metrics = json.loads((output / "metrics.json").read_text())
    best = metrics["results"][metrics["best"]]
    assert best["cv_agn_f1"] == max(result["cv_agn_f1"] for result in metrics["results"])
    assert card["metrics"] == best

    decided = read_table(spark, Warehouse(root), "sample").where("split = 'test'")
    moved = read_table(spark, Warehouse(root), "restframe").select("spectrum_id", "flux")
    rows = decided.join(moved, "spectrum_id")
    spectra = rows.select("spectrum_id", "label", array_to_vector("flux").alias("spectrum"))
    spectra.write.parquet(str(tmp_path / "spectra"))
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            PREDICT,
            str(output / "model" / "pipeline"),
            str(tmp_path / "spectra"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    predicted = np.array(result.stdout.split("predicted")[1].split(), dtype=int)
    label = np.array([row.label for row in spectra.orderBy("spectrum_id").collect()])
    counts = [[int(((label == i) & (predicted == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    assert counts == card["metrics"]["confusion"]


def test_parts_do_not_change_the_metrics(spark, tmp_path, metrics, monkeypatch):
    monkeypatch.setattr("galspec_spark.train.stage.write_report", lambda output, _: output)  # slow
    monkeypatch.setattr("galspec_spark.train.stage.view_test_split", lambda *_: {"page": ""})
    table = restframe()
    shuffled = table.take(np.random.default_rng(1).permutation(len(table)))
    warehouse = Warehouse(write_warehouse(tmp_path / "warehouse", shuffled, parts=8))
    train(spark, run_with(), warehouse, tmp_path / "run", None)
    other = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert_equal(timeless(other), timeless(metrics))


def timeless(metrics: dict) -> dict:
    """Leave out what may differ: times, the run's name, and what earlier jobs had to say."""
    left_out = ("seconds", "run_id", "files", "files_quarantined")

    def strip(value):
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key not in left_out}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(metrics)


def assert_equal(found, expected) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found == expected


def test_everything_tried_and_every_prediction_are_kept(trained, metrics):
    output = trained[1]
    search = pq.read_table(output / "search.parquet").to_pandas()
    assert len(search) == 2 * (2 + 1 + 1) * FOLDS
    assert set(search["run_id"]) == {metrics["run_id"]}
    predictions = pq.read_table(output / "predictions").to_pandas()
    names = ["classifier", "kind", "features"]
    assert len(predictions) == metrics["counts"]["test"] * len(metrics["results"])
    assert not predictions.duplicated(["spectrum_id", *names]).any()
    of_classifier = dict(iter(predictions.groupby(names)))
    for result in metrics["results"]:
        rows = of_classifier[tuple(result[name] for name in names)]
        found = pd.crosstab(rows["label"], rows["prediction"])
        confusion = pd.DataFrame(result["confusion"], index=[0, 1], columns=[0, 1])
        pd.testing.assert_frame_equal(
            found,
            confusion[found.columns],
            check_names=False,
            check_index_type=False,
            check_column_type=False,
        )
        low, high = result["intervals"]["f1"]
        assert low <= result["f1"] <= high
        called = rows["probability"] >= result["threshold"]["probability"]
        assert (called == (rows["called"] == 1)).all()


def test_the_model_folder_is_whole(spark, trained, metrics):
    model = load_bundle(trained[1] / "model")
    best = metrics["results"][metrics["best"]]
    assert model.card.threshold.probability == best["threshold"]["probability"]
    assert model.calibration.method == best["calibration"]["method"] == "platt"
    assert len(model.features.components.mean) == PIXELS


def test_prediction_sets_come_from_the_held_out_folds(trained, metrics):
    """The card's are computed again from the files, and so is what they cover."""
    output, results = trained[1], metrics["results"]
    result = results[metrics["best"]]
    card = load_bundle(output / "model").card
    held_out = pq.read_table(output / "out_of_fold.parquet").to_pandas()
    held_out = held_out[held_out["classifier"] == result["classifier"]]
    held_out = held_out[held_out["features"] == result["features"]]
    assert len(held_out) == metrics["counts"]["train"]
    p = card.calibration.apply(held_out["score"])
    for label, key in enumerate(("other", "agn")):
        own = np.sort(np.abs(label - p)[held_out["label"] == label])
        rank = math.ceil((len(own) + 1) * 0.9)
        limits = card.prediction_sets.of_class[label]
        assert limits.count == len(own)
        assert limits.limit == (own[rank - 1] if rank <= len(own) else 1)
        rows = pq.read_table(output / "predictions").to_pandas().query(f"label == {label}")
        rows = rows[rows["classifier"] == result["classifier"]]
        rows = rows[rows["features"] == result["features"]]
        distance = np.abs(label - rows["probability"])
        covered = int((distance <= limits.at(rows["sn_median"].to_numpy(float))).sum())
        found = result["prediction_sets"]
        assert (found[key]["spectra"], found[key]["covered"]) == (len(rows), covered)
        assert sum(each[key]["covered"] for each in found["sn_median"]) == covered
    assert sum(result["prediction_sets"]["sets"].values()) == metrics["counts"]["test"]
    assert {each["prediction_sets"]["level"] for each in results} == {0.9}


def test_a_run_is_compared_with_an_earlier_one(spark, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("galspec_spark.train.stage.write_report", lambda output, _: output)  # slow
    monkeypatch.setattr("galspec_spark.train.stage.view_test_split", lambda *_: {"page": ""})
    root, first, _ = trained
    forest = {"linear_svc": {"fixed": {"maxIter": 1, "regParam": 100.0}}}
    run = Run.start("train", Config.model_validate({"train": {**SMALL, "classifiers": forest}}))
    summary = train(spark, run, Warehouse(root), tmp_path, str(first))
    comparison = summary["comparison"]
    correct = comparison.correct
    assert comparison.spectra == sum(correct.model_dump().values()) == 32
    expected = binomtest(correct.only_this, correct.only_this + correct.only_earlier)
    assert comparison.p_value == pytest.approx(expected.pvalue)
    assert Comparison.model_validate_json((tmp_path / "comparison.json").read_bytes()) == comparison
    earlier = json.loads((first / "metrics.json").read_text())
    best = earlier["results"][earlier["best"]]
    assert comparison.scores.earlier.agn_f1 == pytest.approx(best["agn_f1"])
    text = (tmp_path / "comparison.md").read_text()
    assert f"{earlier['run_id']}: {best['classifier']}" in text
    assert "McNemar" in text


def test_a_folder_without_a_run_is_named_before_the_work(spark, trained, tmp_path):
    with pytest.raises(UserError, match=r"it has no metrics\.json"):
        train(spark, run_with(), Warehouse(trained[0]), tmp_path / "new", str(tmp_path))
    assert not (tmp_path / "new").exists()


def test_metrics_of_another_version_are_named_before_the_work(spark, trained, tmp_path):
    earlier = shutil.copytree(trained[1], tmp_path / "earlier")
    write_json(earlier / "metrics.json", {"results": []})
    with pytest.raises(
        UserError, match=r"earlier/metrics.json is damaged or of another version; train again"
    ):
        train(spark, run_with(), Warehouse(trained[0]), tmp_path / "new", str(earlier))
    assert not (tmp_path / "new").exists()


def test_an_object_in_two_folds_fails_the_job(spark, tmp_path):
    table = restframe(90)
    objects = ["object-of-all"] * len(table)
    root = write_warehouse(
        tmp_path, table.set_column(table.column_names.index("object_id"), "object_id", [objects])
    )
    with pytest.raises(UserError, match="objects in more than one split or fold: 1, for example"):
        train(spark, run_with(), Warehouse(root), tmp_path / "output", None)


# --- Bad input ---


def one_class(table: pa.Table) -> pa.Table:
    label = pc.if_else(pc.is_null(table["label"]), None, pa.scalar(0, pa.int32()))
    return table.set_column(table.column_names.index("label"), "label", label)


@pytest.mark.parametrize(
    ("table", "settings", "error", "message"),
    [
        (one_class(restframe(30)), {}, UserError, "no spectrum of class AGN"),
        (
            restframe(90),
            {"features": {"pca": {"n_components": 70}}},
            UserError,
            r"70 components of (\d+) spectra: choose \1 or less",
        ),
        (
            restframe(60),
            {"classifiers": {"linear_svc": {"fixed": {"depth": 3}}}},
            ConfigError,
            "unknown parameter 'depth'",
        ),
    ],
    ids=["one class", "more components than spectra", "unknown parameter"],
)
def test_bad_input_is_named(spark, tmp_path, table, settings, error, message):
    root = write_warehouse(tmp_path, table)
    run = Run.start("train", Config.model_validate({"train": {**SMALL, **settings}}))
    with pytest.raises(error, match=message):
        train(spark, run, Warehouse(root), tmp_path / "output", None)


def test_fewer_rows_than_folds(spark, tmp_path):
    table = restframe(60)
    fold = pc.if_else(pc.is_null(table["fold"]), None, pa.scalar(99, pa.int32()))
    root = write_warehouse(
        tmp_path, table.set_column(table.column_names.index("fold"), "fold", fold)
    )
    with pytest.raises(UserError, match="44 training spectra in 100 folds"):
        train(spark, run_with(), Warehouse(root), tmp_path / "output", None)


def test_job_names_the_command_that_makes_what_is_missing(spark, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_here(spark, "train") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no table 'sample' in the warehouse ")
    assert "make it with galspec preprocess --warehouse " in line


def test_job_rejects_an_unknown_parameter(spark, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    override = "train.classifiers={linear_svc: {grid: {C: [1.0]}}}"
    assert run_here(spark, "train", "--set", override) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: train.classifiers.linear_svc: unknown parameter 'C'; known:")
