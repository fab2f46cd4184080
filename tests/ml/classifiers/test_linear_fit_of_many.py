"""Linear classifiers of three classes fitted in numpy, beside Spark's."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml.classification import LogisticRegression, OneVsRestModel
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import Vectors

from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers import linear_svc, logistic_regression
from galspec_spark.ml.classifiers.linear_fit_of_many import fit_hinges, fit_softmax
from galspec_spark.ml.search.one_vs_rest import OneVsRestSVC
from tests.ml.classifiers.test_linear_fit import PLAIN, VALUES, all_params

K = 3
_SCORES = (VALUES - VALUES.mean(axis=0)) / VALUES.std(axis=0)
LABELS = np.argmax(
    _SCORES[:, :K] + np.random.default_rng(2).gumbel(size=(len(VALUES), K)) + [1, 0, 0], axis=1
).astype(np.int32)


@pytest.fixture(scope="module")
def frame(spark):
    rows = [(Vectors.dense(v), int(label)) for v, label in zip(VALUES, LABELS, strict=True)]
    return spark.createDataFrame(rows, ["features", "label"]).coalesce(1).cache()


@pytest.mark.parametrize(
    "settings",
    [
        {"regParam": 0.01},
        {"regParam": 0.0},
        {"regParam": 0.01, "standardization": False},
        {"regParam": 0.1, "fitIntercept": False},
    ],
    ids=str,
)
def test_a_logistic_regression_is_sparks(frame, settings) -> None:
    estimator = LogisticRegression(maxIter=500, tol=1e-12, **settings)
    params, theirs = all_params(estimator), estimator.fit(frame)
    assert logistic_regression.covers(params, K)
    ours = fit_softmax(VALUES, LABELS, params, K)
    size = VALUES.std(axis=0)
    expected = theirs.coefficientMatrix.toArray() * size
    np.testing.assert_allclose(ours.coefficients * size, expected, atol=1e-4)
    np.testing.assert_allclose(ours.intercepts, theirs.interceptVector.toArray(), atol=1e-3)
    rows = theirs.transform(frame).select(vector_to_array("probability")).collect()
    np.testing.assert_allclose(ours.score(VALUES), [row[0] for row in rows], atol=1e-5)


def test_what_numpy_does_not_fit_is_left_to_spark() -> None:
    plain = {**PLAIN, "family": "auto"}
    assert not logistic_regression.covers({**plain, "elasticNetParam": 0.5}, K)
    assert not logistic_regression.covers({**plain, "family": "binomial"}, K)
    assert logistic_regression.covers({**plain, "family": "multinomial"}, K)


def test_machines_are_below_sparks(frame) -> None:
    estimator = OneVsRestSVC(maxIter=15, regParam=0.01)
    params, theirs = all_params(estimator), estimator.fit(frame)
    ours = fit_hinges(VALUES, LABELS, params, K)
    size = VALUES.std(axis=0, ddof=1)

    def objective(weights, intercept, label) -> float:
        margin = np.where(label == LABELS, 1, -1) * (VALUES @ weights + intercept)
        return np.maximum(0, 1 - margin).mean() + 0.005 * np.sum((weights * size) ** 2)

    for label, machine in enumerate(theirs.models):
        of_spark = objective(machine.coefficients.toArray(), machine.intercept, label)
        reached = objective(ours.coefficients[label], ours.intercepts[label], label)
        assert reached <= of_spark + 1e-6
        assert reached == pytest.approx(of_spark, rel=0.05)
    predicted = [row.prediction for row in theirs.transform(frame).collect()]
    assert np.mean(ours.score(VALUES).argmax(axis=1) == predicted) > 0.95


@pytest.mark.parametrize(
    ("module", "estimator"),
    [(logistic_regression, LogisticRegression), (linear_svc, OneVsRestSVC)],
    ids=["logistic regression", "support vector machines"],
)
def test_the_model_is_sparks_own_saved_and_loaded(
    frame, tmp_path, monkeypatch, module, estimator
) -> None:
    untrained = estimator(regParam=0.01)
    solver = module.KIND.solver
    fitted = solver.fit(VALUES, LABELS, all_params(untrained), K)
    model = solver.native_model(untrained, fitted)
    model.save(str(tmp_path / "model"))
    loaded = type(model).load(str(tmp_path / "model"))
    assert type(loaded).__module__ == "pyspark.ml.classification"
    found = loaded.transform(frame).select(vector_to_array("rawPrediction"), "prediction").collect()
    scores = fitted.score(VALUES)
    np.testing.assert_array_equal([row[1] for row in found], scores.argmax(axis=1))
    margins = VALUES @ fitted.coefficients.T + fitted.intercepts
    if isinstance(loaded, OneVsRestModel):
        assert loaded.getClassifier().getRegParam() == 0.01
    np.testing.assert_allclose([row[0] for row in found], margins, rtol=1e-9, atol=1e-9)
    read = module.read(tmp_path / "model")
    np.testing.assert_array_equal(read.coefficients, fitted.coefficients)
    np.testing.assert_array_equal(read.weights, fitted.coefficients[-1])
    wider = read.of_columns(np.arange(1, 7), 8)
    np.testing.assert_allclose(wider.score(np.pad(VALUES, ((0, 0), (1, 1)))), scores, atol=1e-9)


def test_a_model_made_of_others_is_refused(tmp_path) -> None:
    for folder, name in ((".", "OneVsRestModel"), ("model_0", "X"), ("classifier", "LinearSVC")):
        metadata = tmp_path / folder / "metadata"
        metadata.mkdir(parents=True)
        content = f'{{"class": "org.apache.spark.ml.classification.{name}", "numClasses": 1}}'
        (metadata / "part-00000").write_text(content)
    with pytest.raises(UserError, match=r"classification\.X, which no model of galspec_spark has"):
        linear_svc.read(tmp_path)
