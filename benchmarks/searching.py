"""Search of hyper-parameters on vectors: 12 settings, 3 folds, 3 classifiers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.ml.evaluation import MulticlassClassificationEvaluator
from pyspark.ml.functions import array_to_vector
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline

from benchmarks.measure import measure
from benchmarks.simulated import read_flux
from benchmarks.table1_peer import build, points
from galspec_spark.config import ClassifierConfig, ClassifierName, TrainConfig
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.pca import KIND, Coefficients, Settings
from galspec_spark.ml.labelled.features import FeatureTable, feature_frame, fold_column
from galspec_spark.ml.search.search import best_trials, search
from galspec_spark.ml.search.settings import build_classifiers
from galspec_spark.warehouse.storage import Location

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
        "ours": partial(search_with_ours, spark, folder),
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


def search_with_ours(spark: SparkSession, folder: str) -> dict[str, float]:
    """Search with our ways to fit and our settings of the solvers, all classifiers at once."""
    defaults = TrainConfig()
    configs = {
        name: grid.model_copy(update={"fixed": _solver(defaults.classifiers[name].fixed)})
        for name, grid in GRIDS.items()
    }
    rows = pq.read_table(folder)
    k = len(rows["features"][0])
    settings = {"features": {"pca": Settings(n_components=k)}, "classifiers": configs}
    train = defaults.model_copy(update=settings)
    classifiers, of_fold = build_classifiers(train, KIND), [list(range(k))] * FOLDS
    with TemporaryDirectory() as name:
        scratch = Path(name)
        table = _feature_table(spark, rows, Location.of(scratch / "features"))
        trials = search(
            classifiers, table, of_fold, train.search, train.parallelism, "search", scratch
        )
        table.rows.unpersist()
    return {name: trial.f1 for name, trial in best_trials(trials).items()}


def _feature_table(spark: SparkSession, rows: pa.Table, place: Location) -> FeatureTable:
    """Return rows as training has them: in files, with features for each fold, here the same."""
    columns = {
        "spectrum_id": pa.array([f"{i:08d}" for i in range(len(rows))]),
        "split": pa.repeat("train", len(rows)),
        "label": rows["label"],
        "fold": rows["fold"],
        **{fold_column(fold): rows["features"] for fold in (None, *range(FOLDS))},
    }
    pq.write_table(pa.table(columns), place.path)
    k = len(rows["features"][0])
    nothing = Components(np.zeros(k), np.eye(k), np.full(k, 1 / k))
    frame = feature_frame(spark, [place]).persist()
    return FeatureTable(KIND, Coefficients(nothing, is_masked=False), [place], frame)


def _solver(fixed: dict[str, Any]) -> dict[str, Any]:
    """Return what says how to solve, not what."""
    return {key: value for key, value in fixed.items() if key in SOLVER_SETTINGS}


def search_with_spark(rows: DataFrame) -> dict[str, float]:
    """Search with Spark's CrossValidator and its classifiers' default settings."""
    return {name: float(max(_validator(name).fit(rows).avgMetrics)) for name in GRIDS}


def _validator(name: ClassifierName) -> CrossValidator:
    estimator = CLASSIFIERS[name].new_estimator()
    return CrossValidator(
        estimator=estimator,
        estimatorParamMaps=[
            {estimator.getParam(key): value for key, value in point.items()}
            for point in points(GRIDS[name])
        ],
        evaluator=MulticlassClassificationEvaluator(metricName="f1"),  # weighted by class
        numFolds=FOLDS,
        foldCol="fold",
    )


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
        Pipeline([("classifier", settings[0])]),
        {"classifier": settings},
        scoring="f1_weighted",
        cv=PredefinedSplit(fold),
        n_jobs=2,
    )
