"""Every classifier tuned, fitted and tested on the same rows: half of Table 1 at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.ml.feature import VectorSlicer
from pyspark.sql import DataFrame

from galspec_spark.ml.classifiers import FEATURES, Classifier, score
from galspec_spark.ml.evaluation import Curves, classification_scores, confusion, curves
from galspec_spark.ml.search import tune

#: Column of the coefficients of all components.
COMPONENTS = "components"


@dataclass(frozen=True)
class FeatureSet:
    """Some of the components."""

    name: str  #: for example ``all 20`` or ``best 10``
    components: list[int]

    def slicer(self) -> VectorSlicer:
        """Return the Spark transformer that picks these components."""
        return VectorSlicer(inputCol=COMPONENTS, outputCol=FEATURES, indices=self.components)


@dataclass(frozen=True)
class Trained:
    """A trained classifier and how good it is."""

    result: dict[str, Any]  #: its entry in ``results`` of ``metrics.json``
    model: Any
    curves: Curves
    features: FeatureSet

    @property
    def classifier(self) -> str:
        """Its name in the configuration."""
        return str(self.result["classifier"])

    @property
    def seconds(self) -> float:
        """Seconds of search, fit and prediction."""
        return float(sum(self.result["seconds"].values()))


def compare(
    classifiers: Sequence[Classifier],
    coefficients: DataFrame,
    features: FeatureSet,
    folds: int,
    parallelism: int,
) -> list[Trained]:
    """Tune and fit each classifier on the training split and evaluate it on the test split.

    Parameters
    ----------
    coefficients
        Cached; columns ``label``, ``split``, ``fold`` and ``components`` (vector).
    features
        The components to use.
    """
    rows = features.slicer().transform(coefficients).select("label", "split", "fold", FEATURES)
    train = rows.where("split = 'train'").persist()
    test = rows.where("split = 'test'").persist()
    try:
        return [
            _train_one(classifier, train, test, features, folds, parallelism)
            for classifier in classifiers
        ]
    finally:
        train.unpersist()
        test.unpersist()


def _train_one(
    classifier: Classifier,
    train: DataFrame,
    test: DataFrame,
    features: FeatureSet,
    folds: int,
    parallelism: int,
) -> Trained:
    name = classifier.name
    tuned = tune(classifier, train, folds, parallelism, f"{name}, {features.name} components")
    started = time.monotonic()
    predictions = tuned.model.transform(test).select(
        "label", "prediction", score(name).alias("score")
    )
    predictions.persist()
    counts = confusion(predictions)
    predicted = time.monotonic()
    curve = curves(predictions, int(counts.sum()))
    predictions.unpersist()
    out_of_fold = classification_scores(tuned.out_of_fold)
    result = {
        "classifier": name,
        "features": features.name,
        "components": features.components,
        **classification_scores(counts),
        "roc_auc": curve.roc_auc,
        "pr_auc": curve.pr_auc,
        "confusion": counts.tolist(),
        "hyperparameters": tuned.hyperparameters,
        "cv_f1": out_of_fold["f1"],
        "cv_agn_f1": out_of_fold["agn_f1"],
        "seconds": {
            "search": round(tuned.search_seconds, 3),
            "fit": round(tuned.fit_seconds, 3),
            "predict": round(predicted - started, 3),
        },
    }
    return Trained(result, tuned.model, curve, features)
