"""The peer script makes all of Table 1, by the configuration's recipe and grid."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from benchmarks.table1_peer import build, unsupported
from benchmarks.table1_peer_spectra import (
    LOGLAM,
    TEST,
    assign_folds,
    label_of,
    read_spectrum,
    read_survey,
)
from galspec_spark.config import Config, LabelConfig, PreprocessConfig, SimulateConfig
from galspec_spark.simulate.survey import simulate
from galspec_spark.spectrum.grid import loglam
from tests.spec_files import hdus

SMALL = {
    "preprocess": {"folds": 2, "sample": 200},
    "train": {
        "features": {"pca": {"n_components": 6}},
        "n_best": 3,
        "classifiers": {
            "logistic_regression": {"grid": {"regParam": [0.0001, 1.0]}},
            "linear_svc": {"grid": {"regParam": [0.001]}},
            "random_forest": {"fixed": {"numTrees": 10}, "grid": {"maxDepth": [2, 4]}},
        },
    },
}


@pytest.fixture(scope="module")
def survey(spark, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("survey")
    simulate(spark, SimulateConfig(spectra=300, repeats=0.2), folder)
    return folder


def test_the_script_makes_six_rows(survey, tmp_path):
    config = tmp_path / "small.yaml"
    config.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    module = "benchmarks.table1_peer"
    printed = subprocess.run(
        [sys.executable, "-m", module, "--input", str(survey), "--config", str(config)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    result = json.loads(printed.splitlines()[-1])
    assert (result["files"], result["train"] + result["test"]) == (300, 200)
    assert result["test"] == pytest.approx(40, abs=4)
    rows = [(row["classifier"], row["features"]) for row in result["results"]]
    names = list(SMALL["train"]["classifiers"])
    assert rows == [(name, which) for which in ("all 6", "best 3") for name in names]
    for row in result["results"]:
        assert min(row["f1"], row["cv_f1"]) > 0.8
    assert result["results"][0]["hyperparameters"] == {"regParam": 0.0001}
    assert set(result["seconds"]) == {
        "read", "prepare", "features", "all features", "best features", "total",
    }  # fmt: skip


def test_no_object_is_in_two_folds(survey):
    recipe = PreprocessConfig(folds=3)
    catalogue, flux = read_survey(sorted(survey.rglob("*.fits")), recipe)
    fold = assign_folds(catalogue, recipe)
    assert flux.shape == (len(catalogue), 2642)
    assert set(fold) == {TEST, 0, 1, 2}
    folds_of_an_object = catalogue.assign(fold=fold).groupby("BESTOBJID")["fold"]
    assert folds_of_an_object.size().max() > 1
    assert folds_of_an_object.nunique().max() == 1


def test_a_bad_pixel_touches_no_more_than_its_neighbours(tmp_path):
    coadd = {
        "flux": np.full(4000, 7, "f4"),
        "loglam": (3.56 + 1e-4 * np.arange(4000)).astype("f4"),
        "ivar": np.ones(4000, "f4"),
        "and_mask": np.zeros(4000, "i4"),
        "or_mask": np.zeros(4000, "i4"),
    }
    coadd["ivar"][1000] = 0
    coadd["and_mask"][2000] = 1 << 24  # NODATA
    coadd["and_mask"][2100] = 1 << 19  # PARTIALREJECT only warns
    file = tmp_path / "spec.fits"
    fits.HDUList(hdus(coadd=coadd, Z=0.01, SUBCLASS="AGN BROADLINE")).writeto(file)
    row, flux = read_spectrum(file, PreprocessConfig())
    bad = np.isnan(flux)
    assert row["label"] == 1
    np.testing.assert_array_equal(flux[~bad], 1)
    assert bad.sum() == 4
    rest = coadd["loglam"].astype(float) - np.log10(1.01)
    nearest = np.abs(LOGLAM[bad][:, None] - rest[[1000, 2000]]).min(axis=1)
    assert nearest.max() < 1e-4


@pytest.mark.parametrize(
    ("subclass", "label"),
    [("AGN BROADLINE", 1), ("", 0), ("BROADLINE", 0), ("STARBURST", 0), ("K5", None)],
)
def test_labels(subclass, label):
    assert label_of(subclass, LabelConfig()) == label


def test_the_grid_is_the_packages():
    np.testing.assert_allclose(LOGLAM, loglam(), atol=1e-12)


def test_a_setting_is_spark_s():
    elastic = build("logistic_regression", {"regParam": 0.01, "elasticNetParam": 0.5}, 500, 1)[-1]
    assert elastic.get_params()["C"] == pytest.approx(0.2)
    assert elastic.l1_ratio == 0.5
    assert build("logistic_regression", {"regParam": 0.0}, 500, 1)[-1].get_params()["C"] == np.inf
    forest = build("random_forest", {"maxDepth": 9, "impurity": "entropy"}, 500, 1)
    assert (forest.max_depth, forest.criterion, forest.n_estimators) == (9, "entropy", 20)


def test_what_it_does_not_know_is_told():
    components = {"features": {"pca": {"n_components": 10}}}
    assert unsupported(Config.model_validate({"train": components})) is None
    assert unsupported(Config()) == "train.features other than pca with its defaults"
    asked = Config.model_validate({"train": {**components, "search": {"random_points": 3}}})
    assert unsupported(asked) == "a random search"
