"""One point of a search: what is fitted, and how it did in each fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from galspec_spark.labels import Counts
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import ClassifierKind, Params, Scorer
from galspec_spark.ml.evaluation.scores import classification_scores


@dataclass
class Trial:
    """One point of a search, in all folds."""

    index: int  #: of the point in the list of points
    classifier: str  #: name of a `ClassifierKind`
    estimator: Any  #: Spark's, with the parameters of the point
    slicer: Any = None  #: Spark's `VectorSlicer` before it; without it all features are used
    metric: str = "f1"  #: of `classification_scores`, the criterion
    confusions: dict[int, Counts] = field(default_factory=dict)  #: by fold
    seconds: dict[int, float] = field(default_factory=dict)  #: of the fits, which overlap
    #: By fold, kept for a classifier's best only, as what it says of the fold's rows:
    scorers: dict[int, Scorer] = field(default_factory=dict)
    #: ``label``, ``prediction`` and ``score``, 10 bytes a row, and identifiers.
    scored: dict[int, pa.Table] = field(default_factory=dict)

    @property
    def kind(self) -> ClassifierKind:
        """The classifier."""
        return CLASSIFIERS[self.classifier]

    def is_for(self, classes: int) -> bool:
        """Return whether the estimator is the classifier's own for so many classes."""
        return class_of(self.estimator) == self.kind.estimator_of(classes)

    @property
    def features(self) -> Sequence[int] | None:
        """The features used, by their place in a selection; None: all."""
        return None if self.slicer is None else list(self.slicer.getIndices())

    @property
    def params(self) -> Params:
        """All parameters of the estimator by name, defaults included."""
        estimator = self.estimator
        defined = [param for param in estimator.params if estimator.isDefined(param)]
        return {param.name: estimator.getOrDefault(param) for param in defined}

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The parameters that were set, by name, without those that name a column."""
        estimator = self.estimator
        chosen = [param for param in estimator.params if estimator.isSet(param)]
        return {
            param.name: estimator.getOrDefault(param)
            for param in chosen
            if not param.name.endswith("Col")
        }

    @property
    def fold_scores(self) -> list[float]:
        """The criterion in each fold."""
        return [classification_scores(n)[self.metric] for _, n in sorted(self.confusions.items())]

    @property
    def score(self) -> float:
        """Mean of the criterion over the folds, as in Spark's `CrossValidator`."""
        return float(np.mean(self.fold_scores))

    @property
    def pooled(self) -> dict[str, Any]:
        """Scores of all rows, each predicted without its own fold."""
        return classification_scores(np.sum(list(self.confusions.values()), axis=0))


def class_of(estimator: object) -> str:
    """Return the name of an estimator's class, with its module."""
    return f"{type(estimator).__module__}.{type(estimator).__name__}"


def best_trials(trials: Iterable[Trial]) -> dict[str, Trial]:
    """Return each classifier's trial with the best score; of equals the first point."""
    best: dict[str, Trial] = {}
    for trial in sorted(trials, key=lambda trial: trial.index):
        name = trial.classifier
        if name not in best or trial.score > best[name].score:
            best[name] = trial
    return best


def out_of_fold(trials: Iterable[Trial]) -> pa.Table:
    """Return what trials say of each row, with ``classifier``, ``point`` and ``fold``."""
    found = []
    for trial in trials:
        for fold, scored in sorted(trial.scored.items()):
            constants = {"classifier": trial.classifier, "point": trial.index, "fold": fold}
            for name, value in constants.items():
                scored = scored.append_column(name, pa.repeat(value, len(scored)))
            found.append(scored)
    return pa.concat_tables(found)
