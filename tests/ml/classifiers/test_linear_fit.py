"""Linear classifiers fitted in numpy, beside Spark's and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.ml.classification import LinearSVC, LogisticRegression
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import Vectors
from sklearn import linear_model

from galspec_spark.ml.classifiers import linear_svc, logistic_regression
from galspec_spark.ml.classifiers.linear_fit import fit_hinge, fit_logistic

PLAIN = {"regParam": 0.01, "fitIntercept": True, "standardization": True, "elasticNetParam": 0.0}


def rows_of(n: int = 400, k: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return features of very different sizes, and labels of which one in six is 1."""
    random = np.random.default_rng(5)
    values = random.normal(size=(n, k)) @ random.normal(size=(k, k))
    labels = (values[:, 0] - values[:, 1] + random.normal(0, 2, n) > 3).astype(np.int32)
    return values * np.geomspace(100, 0.1, k) + 7, labels


VALUES, LABELS = rows_of()


@pytest.fixture(scope="module")
def frame(spark):
    rows = [(Vectors.dense(v), int(label)) for v, label in zip(VALUES, LABELS, strict=True)]
    return spark.createDataFrame(rows, ["features", "label"]).coalesce(1).cache()


def all_params(estimator) -> dict:
    defined = [param for param in estimator.params if estimator.isDefined(param)]
    return {param.name: estimator.getOrDefault(param) for param in defined}


@pytest.mark.parametrize(
    "settings",
    [
        {"regParam": 0.01},
        {"regParam": 0.01, "standardization": False},
        {"regParam": 0.1, "fitIntercept": False},
        {"regParam": 0.02, "elasticNetParam": 0.5},
    ],
    ids=str,
)
def test_a_logistic_regression_is_sparks(frame, settings) -> None:
    estimator = LogisticRegression(maxIter=300, tol=1e-12, **settings)
    theirs = estimator.fit(frame)
    ours = fit_logistic(VALUES, LABELS, all_params(estimator))
    np.testing.assert_allclose(ours.weights, theirs.coefficients.toArray(), rtol=1e-4, atol=1e-9)
    column = vector_to_array("probability")[1]
    expected = [row[0] for row in theirs.transform(frame).select(column).collect()]
    np.testing.assert_allclose(ours.score(VALUES), expected, atol=1e-6)


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0])
def test_a_logistic_regression_is_scikit_learns(strength) -> None:
    scaled = VALUES / VALUES.std(axis=0, ddof=1)
    oracle = linear_model.LogisticRegression(
        C=1 / strength / len(LABELS), solver="newton-cholesky", tol=1e-12
    ).fit(scaled, LABELS)
    ours = fit_logistic(VALUES, LABELS, {**PLAIN, "regParam": strength})
    np.testing.assert_allclose(ours.score(VALUES), oracle.predict_proba(scaled)[:, 1], atol=1e-7)


def hinge(weights, intercept, params) -> float:
    """Return the objective of Spark's support vector machine."""
    own = VALUES.std(axis=0, ddof=1) if params["standardization"] else np.ones(len(weights))
    margin = np.where(LABELS, 1, -1) * (VALUES @ weights + intercept)
    penalty = params["regParam"] / 2 * np.sum((weights * own) ** 2)
    return float(np.maximum(0, 1 - margin).mean() + penalty)


@pytest.mark.parametrize("settings", [{}, {"standardization": False}], ids=str)
def test_a_support_vector_machine_is_below_sparks(frame, settings) -> None:
    estimator = LinearSVC(maxIter=60, tol=1e-8, regParam=0.01, **settings)
    params, theirs = all_params(estimator), estimator.fit(frame)
    ours = fit_hinge(VALUES, LABELS, params)
    reached = hinge(ours.weights, ours.intercept, params)
    of_spark = hinge(theirs.coefficients.toArray(), theirs.intercept, params)
    assert reached <= of_spark + 1e-6
    assert reached == pytest.approx(of_spark, rel=0.02)
    called = ours.score(VALUES) > 0
    predicted = [row.prediction == 1 for row in theirs.transform(frame).collect()]
    assert np.mean(called == predicted) > 0.98


def test_no_step_from_a_support_vector_machine_leads_down() -> None:
    fitted = fit_hinge(VALUES, LABELS, PLAIN)
    lowest = hinge(fitted.weights, fitted.intercept, PLAIN)
    random = np.random.default_rng(1)
    size = 1 / VALUES.std(axis=0, ddof=1)
    for length in (1e-3, 1e-2, 0.1):
        for step in random.normal(size=(50, 7)) * length:
            found = hinge(fitted.weights + step[:6] * size, fitted.intercept + step[6], PLAIN)
            assert found >= lowest - 1e-6


@pytest.mark.parametrize(
    ("module", "estimator"),
    [(logistic_regression, LogisticRegression), (linear_svc, LinearSVC)],
    ids=["logistic regression", "support vector machine"],
)
def test_the_model_is_sparks_own_saved_and_loaded(
    spark, frame, tmp_path, module, estimator
) -> None:
    untrained = estimator(regParam=0.01)
    solver = module.KIND.solver
    fitted = solver.fit(VALUES, LABELS, all_params(untrained), 2)
    model = solver.native_model(untrained, fitted)
    model.save(str(tmp_path / "model"))
    loaded = type(model).load(str(tmp_path / "model"))
    assert loaded.getRegParam() == 0.01
    raw = vector_to_array("rawPrediction")[1]
    found = loaded.transform(frame).select(raw.alias("raw"), "prediction").toPandas()
    expected = VALUES @ fitted.weights + fitted.intercept
    np.testing.assert_allclose(found["raw"], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found["prediction"], expected > 0)
    np.testing.assert_array_equal(module.read(tmp_path / "model").weights, fitted.weights)


@pytest.mark.parametrize("fit", [fit_logistic, fit_hinge])
def test_what_is_awkward_gives_numbers(fit) -> None:
    constant = np.hstack([VALUES, np.ones((len(VALUES), 1)), VALUES[:, :1]])  # and one twice
    fitted = fit(constant, LABELS, PLAIN)
    assert fitted.weights[6] == 0
    assert np.isfinite(fitted.score(constant)).all()
    apart = np.where(LABELS, 5.0, -5.0)[:, None]
    free = {**PLAIN, "regParam": 0.0} if fit is fit_logistic else PLAIN
    assert ((fit(apart, LABELS, free).weights * 5 > 0.9) == [True]).all()


def test_a_scale_of_a_feature_changes_no_score() -> None:
    sizes = 10.0 ** np.arange(-6, 6, 2)
    for fit in (fit_logistic, fit_hinge):
        np.testing.assert_allclose(
            fit(VALUES * sizes, LABELS, PLAIN).score(VALUES * sizes),
            fit(VALUES, LABELS, PLAIN).score(VALUES),
            atol=1e-5,
        )


def test_what_numpy_does_not_fit_is_left_to_spark() -> None:
    covers, plain = logistic_regression.covers, {**PLAIN, "family": "auto"}
    assert covers(plain, 2)
    assert not covers({**plain, "family": "multinomial"}, 2)
    assert not covers({**plain, "weightCol": "weight"}, 2)
    assert not linear_svc.covers({**PLAIN, "regParam": 0.0}, 2)
