"""Search of hyper-parameters on vectors: 12 settings, 3 folds, 3 classifiers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml import Pipeline
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.functions import array_to_vector
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline as SklearnPipeline

from benchmarks.measure import measure
from benchmarks.simulated import read_flux
from benchmarks.table1_peer import build, points
from galspec_spark import ml as ours
from galspec_spark.config import ClassifierConfig, ClassifierName, TrainConfig
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.search.trial import best_trials

K, FOLDS, ROWS = 20, 3, 8000
PARTS = 2  #: as Spark writes them on two cores
SEED = 1

#: Twelve settings of each classifier, by Spark's names of its parameters.
GRIDS: dict[ClassifierName, ClassifierConfig] = {
    "logistic_regression": ClassifierConfig(
        grid={"regParam": (0.0001, 0.001, 0.01, 0.1), "elasticNetParam": (0.0, 0.5, 1.0)}
    ),
    "linear_svc": ClassifierConfig(
        grid={"regParam": tuple(float(f"{x:.2g}") for x in np.geomspace(1e-5, 0.1, 12))}
    ),
    "random_forest": ClassifierConfig(grid={"numTrees": (20, 50, 100), "maxDepth": (4, 6, 8, 10)}),
}

#: Of what the configuration fixes, what changes the time and not the model that is looked for.
SOLVER_SETTINGS = ("maxIter", "tol", "cacheNodeIds", "maxMemoryInMB", "aggregationDepth")

#: Gets cached rows with ``label``, ``fold`` and ``features`` (vector); returns the best mean
#: weighted F1 of each classifier.
Search = Callable[[DataFrame], dict[str, float]]


def compare_search(spark: SparkSession, vectors: Path) -> list[dict[str, Any]]:
    """Search the same grids with the same folds in several ways, each once.

    Parameters
    ----------
    vectors
        Parquet of `write_vectors`.
    """
    folder = str(vectors)
    rows = pq.read_table(vectors, columns=["fold"]).num_rows
    ways: dict[str, Callable[[], dict[str, float]]] = {
        "ours": partial(with_vectors, spark, folder, search_with_ours),
        "CrossValidator, defaults, one classifier after another": partial(
            with_vectors, spark, folder, search_with_spark
        ),
        "scikit-learn, GridSearchCV, 2 processes": partial(search_with_scikit_learn, folder),
    }
    work = f"search 12 settings x {FOLDS} folds x {len(GRIDS)} classifiers on {rows} x {K}"
    results = []
    for way, action in ways.items():
        f1: dict[str, float] = {}
        result = measure(work, way, 1, lambda f1=f1, action=action: f1.update(action()), warm=False)  # type: ignore[misc]
        results.append({**result, "rows": rows, "f1": f1})
    return results


def write_vectors(table: str, folder: Path) -> int:
    """Write coefficients of spectra of the training split as a Parquet table; return its rows."""
    columns = pq.read_table(table, columns=["label", "split", "fold"])
    used = np.flatnonzero(columns["split"].to_numpy() == "train")[:ROWS]
    flux = read_flux(table)[used]
    vectors = PCA(K, svd_solver="arpack").fit_transform(flux).astype(np.float64)
    chosen = columns.take(used).select(["label", "fold"])
    lists = pa.FixedSizeListArray.from_arrays(vectors.ravel(), K).cast(pa.list_(pa.float64()))
    chosen = chosen.append_column("features", lists)
    folder.mkdir(parents=True)
    for part, rows in enumerate(np.array_split(np.arange(len(used)), PARTS)):
        pq.write_table(chosen.take(rows), folder / f"part-{part}.parquet")
    return len(used)


def with_vectors(spark: SparkSession, folder: str, find: Search) -> dict[str, float]:
    """Search on vectors read from Parquet and cached, as MLlib's guide does."""
    rows = spark.read.parquet(folder).select(
        "label", "fold", array_to_vector(F.col("features")).alias("features")
    )
    rows.persist()
    try:
        return find(rows)
    finally:
        rows.unpersist()


def search_with_ours(rows: DataFrame) -> dict[str, float]:
    """Search with our CrossValidator and our settings of the solvers, all classifiers at once."""
    defaults, pipeline = TrainConfig(), Pipeline(stages=[])
    grid: list[dict[Any, Any]] = []
    for name in GRIDS:
        fixed = _solver(defaults.classifiers[name].fixed)
        estimator = CLASSIFIERS[name].new_estimator(**fixed)
        grid += [{pipeline.stages: [estimator], **each} for each in _grid(name, estimator)]
    validator = ours.CrossValidator(
        estimator=pipeline, estimatorParamMaps=grid, parallelism=defaults.parallelism, **_folded()
    )
    # One partition, as training has them: a fit is hundreds of short jobs.
    model: Any = validator.fit(rows.coalesce(1).persist())
    return {name: trial.score for name, trial in best_trials(model.trials).items()}


def _solver(fixed: dict[str, Any]) -> dict[str, Any]:
    """Return what says how to solve, not what."""
    return {key: value for key, value in fixed.items() if key in SOLVER_SETTINGS}


def _grid(name: ClassifierName, estimator: Any) -> list[dict[Any, Any]]:
    return [
        {estimator.getParam(key): value for key, value in point.items()}
        for point in points(GRIDS[name])
    ]


def search_with_spark(rows: DataFrame) -> dict[str, float]:
    """Search with Spark's CrossValidator and its classifiers' default settings."""
    return {name: float(max(_validator(name).fit(rows).avgMetrics)) for name in GRIDS}


def _validator(name: ClassifierName) -> CrossValidator:
    estimator = CLASSIFIERS[name].new_estimator()
    return CrossValidator(
        estimator=estimator, estimatorParamMaps=_grid(name, estimator), **_folded()
    )


def _folded() -> dict[str, Any]:
    """Return what all validators have in common."""
    return {
        "evaluator": MulticlassClassificationEvaluator(metricName="f1"),  # weighted by class
        "numFolds": FOLDS,
        "foldCol": "fold",
    }


def search_with_scikit_learn(folder: str) -> dict[str, float]:
    """Search with scikit-learn's GridSearchCV."""
    rows = pq.read_table(folder)
    features = np.vstack(rows["features"].to_numpy())
    label, fold = rows["label"].to_numpy(), rows["fold"].to_numpy()
    return {
        name: float(_grid_search(name, fold).fit(features, label).best_score_) for name in GRIDS
    }


def _grid_search(name: ClassifierName, fold: np.ndarray[Any, Any]) -> GridSearchCV:
    trained = len(fold) * (FOLDS - 1) // FOLDS
    settings = [build(name, point, trained, SEED) for point in points(GRIDS[name])]
    return GridSearchCV(
        SklearnPipeline([("classifier", settings[0])]),
        {"classifier": settings},
        scoring="f1_weighted",
        cv=PredefinedSplit(fold),
        n_jobs=2,
    )
