"""Table 1 as a careful astronomer would make it with astropy and scikit-learn, in two processes.

It stands alone: of this package it knows the configuration only, for the same recipe and grid::

    python -m benchmarks.table1_peer --input DIR --config conf/paper.yaml

The last line that it prints is JSON: the results, what was read, and the seconds of each stage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_recall_fscore_support
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.parallel import Parallel, delayed

from benchmarks.table1_peer_spectra import (
    PROCESSES,
    TEST,
    assign_folds,
    draw_sample,
    fill_with_mean,
    read_survey,
)
from galspec_spark.config import ClassifierConfig, Config, load_config
from galspec_spark.ml.features.pca import Settings

Array = np.ndarray[Any, Any]
Point = dict[str, Any]


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, metavar="DIR", help="folder of spec files")
    parser.add_argument("--config", metavar="FILE", help="YAML file")
    args = parser.parse_args()
    config = load_config(args.config)
    if (problem := unsupported(config)) is not None:
        parser.error(f"this script does not know {problem}")
    result = make_table_1(sorted(Path(args.input).rglob("spec-*.fits")), config)
    shown = ["classifier", "features", "precision", "recall", "f1", "agn_f1", "hyperparameters"]
    print(pd.DataFrame(result["results"])[shown].to_string())  # noqa: T201 - a script
    print(json.dumps(result))  # noqa: T201


def unsupported(config: Config) -> str | None:
    """Name what the configuration asks for and this script does not do."""
    train = config.train
    grids = [classifier.grid for classifier in train.classifiers.values()]
    tests = {
        "preprocess.normalise other than median": config.preprocess.normalise != "median",
        "train.features other than pca with its defaults": train.features
        != {"pca": Settings(n_components=train.most_features)},
        "n_features in a grid": any("n_features" in grid for grid in grids),
        "a random search": train.search.random_points > 0,
    }
    return next((name for name, asked in tests.items() if asked), None)


def make_table_1(files: list[Path], config: Config) -> dict[str, Any]:
    """Go from files to the six rows of Table 1."""
    seconds: dict[str, float] = {}
    with timed(seconds, "read"):
        catalogue, flux = read_survey(files, config.preprocess)
    with timed(seconds, "prepare"):
        catalogue, flux = draw_sample(catalogue, flux, config.preprocess)
        fold = assign_folds(catalogue, config.preprocess)
        fill_with_mean(flux, fold != TEST)
    label = catalogue["label"].to_numpy()
    with timed(seconds, "features"):
        features = components(flux, fold, config.train.most_features)
    with timed(seconds, "all features"):
        indices = np.arange(config.train.most_features)
        results, forest = compare(features, label, fold, indices, config)
    with timed(seconds, "best features"):
        best = np.argsort(-forest.feature_importances_)[: config.train.n_best]
        results += compare(features, label, fold, best, config)[0]
    return {
        "results": results,
        "files": len(files),
        "train": int((fold != TEST).sum()),
        "test": int((fold == TEST).sum()),
        "seconds": {**seconds, "total": round(sum(seconds.values()), 3)},
    }


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage took, and tell who waits."""
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
    print(f"{stage}: {seconds[stage]} s", file=sys.stderr)  # noqa: T201


def components(flux: Array, fold: Array, k: int) -> dict[int, Array]:
    """Return all spectra's coefficients, by the fold that their components do not know."""
    held_out = np.unique(fold).tolist()
    found = Parallel(PROCESSES)(
        delayed(transform)(flux, (fold != TEST) & (fold != number), k) for number in held_out
    )
    return dict(zip(held_out, found, strict=True))


def transform(flux: Array, is_training: Array, k: int) -> Array:
    """Return the coefficients of all spectra for the components of some, shape (spectra, k).

    Of scikit-learn's solvers that are exact to float32, ARPACK is the fastest for few components.
    """
    pca = PCA(k, svd_solver="arpack").fit(flux[is_training])
    coefficients: Array = pca.transform(flux)
    return coefficients


def compare(
    features: dict[int, Array], label: Array, fold: Array, columns: Array, config: Config
) -> tuple[list[dict[str, Any]], Any]:
    """Search, fit and test the three classifiers; return their results and the forest."""
    features = {held_out: values[:, columns] for held_out, values in features.items()}
    found = search(features, label, fold, config)
    values, train, test = features.pop(TEST), fold != TEST, fold == TEST
    fitted = Parallel(PROCESSES, batch_size=1)(
        delayed(fit)(name, point, values[train], label[train], config.train.seed)
        for name, (_, point) in found.items()
    )
    models = dict(zip(found, fitted, strict=True))
    which = "all" if len(columns) == config.train.most_features else "best"
    results = [
        {
            "classifier": name,
            "features": f"{which} {len(columns)}",
            **evaluate(models[name], values[test], label[test]),
            "cv_f1": found[name][0],
            "hyperparameters": found[name][1],
        }
        for name in config.train.classifiers
    ]
    return results, models["random_forest"]


def search(
    features: dict[int, Array], label: Array, fold: Array, config: Config
) -> dict[str, tuple[float, Point]]:
    """Return the best mean F1 over the folds and its point, by classifier."""
    tried = [
        (name, point)
        for name in reversed(config.train.classifiers)  # the forest takes longest: it comes first
        for point in points(config.train.classifiers[name])
    ]
    folds = [held_out for held_out in features if held_out != TEST]
    scores = Parallel(PROCESSES, batch_size=1)(
        delayed(cross_validate)(
            name, point, features[number], label, fold, number, config.train.seed
        )
        for name, point in tried
        for number in folds
    )
    best: dict[str, tuple[float, Point]] = {}
    for (name, point), f1 in zip(tried, np.reshape(scores, (len(tried), -1)), strict=True):
        if name not in best or f1.mean() > best[name][0]:
            best[name] = (float(f1.mean()), point)
    return best


def points(classifier: ClassifierConfig) -> list[Point]:
    """Return all combinations of a grid, with what is fixed."""
    combinations = product(*classifier.grid.values())
    return [
        {**classifier.fixed, **dict(zip(classifier.grid, c, strict=True))} for c in combinations
    ]


def cross_validate(
    name: str, point: Point, features: Array, label: Array, fold: Array, held_out: int, seed: int
) -> float:
    """Return the weighted F1 on one fold of a classifier that the other folds trained."""
    train, held = (fold != TEST) & (fold != held_out), fold == held_out
    model = fit(name, point, features[train], label[train], seed)
    return float(f1_score(label[held], model.predict(features[held]), average="weighted"))


def fit(name: str, point: Point, features: Array, label: Array, seed: int) -> Any:
    """Fit a classifier with the settings of one point."""
    return build(name, point, len(label), seed).fit(features, label)


def build(name: str, point: Point, rows: int, seed: int) -> Any:
    """Return the scikit-learn classifier that is the same as Spark's; its solver is its own.

    Spark's loss is the mean over the rows, scikit-learn's the sum; Spark standardises by itself.
    """
    if name == "random_forest":
        return RandomForestClassifier(
            n_estimators=point.get("numTrees", 20),
            max_depth=point.get("maxDepth", 5),
            criterion=point.get("impurity", "gini"),
            max_features="sqrt",
            random_state=seed,
        )
    penalty = rows * point.get("regParam", 0.0)
    strength = 1 / penalty if penalty else np.inf
    if name == "linear_svc":
        return make_pipeline(StandardScaler(), LinearSVC(C=strength, dual=False))
    l1_ratio = point.get("elasticNetParam", 0.0) if penalty else 0.0
    # Only the slow saga knows a mixture of both penalties.
    solver = {0.0: "lbfgs", 1.0: "liblinear"}.get(l1_ratio, "saga")
    linear = LogisticRegression(C=strength, l1_ratio=l1_ratio, solver=solver, max_iter=1000)
    return make_pipeline(StandardScaler(), linear)


def evaluate(model: Any, features: Array, label: Array) -> dict[str, float]:
    """Return the class-weighted scores, and the F1 of the AGN."""
    predicted = model.predict(features)
    precision, recall, f1, _ = precision_recall_fscore_support(
        label, predicted, average="weighted", zero_division=0
    )
    scores = {"precision": precision, "recall": recall, "f1": f1}
    scores["agn_f1"] = f1_score(label, predicted, zero_division=0)
    return {name: float(value) for name, value in scores.items()}


if __name__ == "__main__":
    main()
