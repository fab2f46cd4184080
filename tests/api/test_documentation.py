"""The examples of docs/python.md, one after another, and a notebook, on a small survey."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import matplotlib.pyplot as plt
import pytest

import galspec_spark as gs
from tests import spec_files
from tests.docs.notebooks import pictures, run_notebook, text_of

TEXT = (Path(__file__).parents[2] / "docs" / "python.md").read_text()


def test_the_examples(spark, release_model, tmp_path, monkeypatch, capsys) -> None:
    for seed in range(30):
        spec_files.write(tmp_path / "survey", seed, SUBCLASS="AGN" if seed % 2 else "")
    shutil.copy(tmp_path / "survey/spec-0000.fits", tmp_path / "spec-0266-51630-0001.fits")
    shutil.copytree(release_model, tmp_path / "run" / "model")
    monkeypatch.chdir(tmp_path)
    quick = {
        "preprocess": {"folds": 2},
        "train": {
            "features": {"pca": {"n_components": 2}},
            "n_best": 2,
            "classifiers": {"logistic_regression": {"fixed": {"maxIter": 5, "regParam": 0.01}}},
        },
    }
    names: dict[str, Any] = {}
    with (
        patch.object(gs, "session", lambda: spark, create=True),
        patch.object(gs, "load_config", lambda overrides: gs.Config(**quick), create=True),
        patch("galspec_spark.api.stages.Config", lambda: gs.Config(**quick)),
        patch("galspec_spark.train.stage.write_report", lambda output, _: output),
    ):
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(block, names)
    assert 0 <= names["row"]["probability"] <= 1
    assert names["mine"].flux.unit == names["spectrum"].flux.unit
    assert names["catalog"].count() == 30
    assert "logistic_regression" in (tmp_path / "run2" / "table1.md").read_text().lower().replace(
        " ", "_"
    )
    assert capsys.readouterr().out.count("only showing top 3 rows") == 5
    assert spark.read.parquet(str(tmp_path / "taken")).count() == 30
    plt.close("all")


def test_the_notebook_of_one_file(spark, release_model, tmp_path) -> None:
    spec_files.write(tmp_path / "survey", 1, SUBCLASS="AGN", Z=0.08)
    shutil.copytree(release_model, tmp_path / "run" / "model")
    outputs = run_notebook("one_file", tmp_path)
    (file,) = (tmp_path / "survey").glob("*.fits")
    row = gs.Model.load(release_model).score(file).loc[0]
    found = dict(re.findall(r"^(\w+) +(.*)$", text_of(outputs), re.M))
    assert found["spectrum_id"] == row["spectrum_id"] == "sdss-0266-51630-0002"
    assert float(found["probability"]) == pytest.approx(row["probability"], abs=1e-5)
    assert found["class"] == row["class"]
    assert pictures(outputs) == 1
