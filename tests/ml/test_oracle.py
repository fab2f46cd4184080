"""Table 1 against scikit-learn's, with identical split, features and hyper-parameters.

MLlib's objective is the mean loss plus ``regParam / 2`` times the squared weights of the features
divided by their standard deviation; scikit-learn's is ``C`` times the sum of the losses plus half
the squared weights. They are the same for ``C = 1 / (rows * regParam)`` on standardised features.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyspark.ml.classification import LinearSVC, LogisticRegression
from sklearn import decomposition, linear_model, svm
from sklearn.metrics import f1_score

from galspec_spark.config import Config
from galspec_spark.labels import BINARY
from galspec_spark.ml.evaluation.census import MEMBERSHIP, Census
from galspec_spark.ml.features.pca import KIND, Settings
from galspec_spark.ml.labelled.features import feature_table
from galspec_spark.ml.labelled.spectra import labelled_spectra
from galspec_spark.ml.pca.fit import fit
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests.ml.synthetic import restframe, write_warehouse

COMPONENTS = 20
REGULARISATION = 0.001


@dataclass
class Features:
    """What both sides start from."""

    components: np.ndarray  # (k, pixels), ours
    oracle_components: np.ndarray  # (k, pixels), scikit-learn's
    coefficients: object  # DataFrame with id, label, split, components
    values: np.ndarray  # (rows, k), standardised, by spectrum_id
    label: np.ndarray
    is_train: np.ndarray


def features_of(spark, root: Path, scratch: Location) -> Features:
    census = Census.take(read_sample(Warehouse(root), MEMBERSHIP), BINARY)
    spectra = labelled_spectra(spark, Warehouse(root), census.count(split="train"))
    fitted = fit(spark, spectra, Settings(), census.folds, scratch)
    every = [batch for task in spectra.tasks for batch in spectra.read(task, ["split"])]
    flux = np.concatenate(
        [flux[np.array(rows["split"].to_pylist()) == "train"] for rows, flux, _ in every]
    ).astype(np.float64)
    oracle = decomposition.PCA(COMPONENTS, svd_solver="full").fit(flux)
    coefficients = feature_table(spark, spectra, KIND, fitted, scratch).rows
    table = coefficients.orderBy("spectrum_id").toPandas()
    values = np.stack([vector.toArray() for vector in table["all_features"]])
    is_train = (table["split"] == "train").to_numpy()
    values = (values - values[is_train].mean(axis=0)) / values[is_train].std(axis=0, ddof=1)
    label = table["label"].to_numpy()
    return Features(fitted[-1].basis, oracle.components_, coefficients, values, label, is_train)


def predictions(classifier, features: Features) -> np.ndarray:
    model = classifier.setFeaturesCol("all_features").fit(
        features.coefficients.where("split = 'train'")
    )
    rows = model.transform(features.coefficients).orderBy("spectrum_id")
    return np.array([row.prediction for row in rows.select("prediction").collect()])


def assert_agreement(features: Features, ours: np.ndarray, oracle, share: float) -> None:
    train, test = features.is_train, ~features.is_train
    theirs = oracle.fit(features.values[train], features.label[train]).predict(features.values)
    assert (ours == theirs).mean() >= share
    f1 = [f1_score(features.label, p, average="weighted") for p in (ours, theirs)]
    assert f1[0] == pytest.approx(f1[1], abs=0.01)
    assert 0 < theirs[test].sum() < test.sum()  # both classes are predicted


@pytest.fixture(scope="module", params=["synthetic", "real"])
def features(spark, request, tmp_path_factory) -> Features:
    scratch = Location.of(tmp_path_factory.mktemp("scratch"))
    if request.param == "real":
        return features_of(spark, request.getfixturevalue("real_warehouse"), scratch)
    root = write_warehouse(tmp_path_factory.mktemp("synthetic"), restframe(200, seed=3))
    return features_of(spark, root, scratch)


def test_components(features):
    cosines = np.abs((features.components * features.oracle_components).sum(axis=1))
    assert cosines.min() > 0.9999


def test_logistic_regression(features):
    fixed = Config().train.classifiers["logistic_regression"].fixed
    ours = predictions(LogisticRegression(regParam=REGULARISATION, **fixed), features)
    strength = 1 / (features.is_train.sum() * REGULARISATION)
    oracle = linear_model.LogisticRegression(C=strength, tol=1e-8, max_iter=10_000)
    assert_agreement(features, ours, oracle, share=0.99)


def test_linear_svm(features):
    fixed = Config().train.classifiers["linear_svc"].fixed
    ours = predictions(LinearSVC(regParam=REGULARISATION, **fixed), features)
    strength = 1 / (features.is_train.sum() * REGULARISATION)
    # libsvm's hinge loss; its sibling LinearSVC would regularise the intercept, MLlib does not.
    oracle = svm.SVC(kernel="linear", C=strength, tol=1e-6)
    assert_agreement(features, ours, oracle, share=0.97)
