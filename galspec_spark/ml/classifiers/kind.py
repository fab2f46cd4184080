"""Interface of a classifier: what its file must define."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Doubles

#: numpy's index type: ``take`` needs no conversion.
Integers = npt.NDArray[np.intp]


#: Labels of k classes, from 0; AGN is k - 1.
Labels = npt.NDArray[np.int32]
#: Parameters of an estimator, by Spark's names, defaults included.
Params = Mapping[str, Any]


class Scorer(Protocol):
    """A fitted classifier as numbers, evaluated without Spark."""

    @property
    def weights(self) -> Doubles:
        """The weight of each feature, (d,): coefficients of AGN, or importances; these sum to 1."""

    def score(self, features: Doubles) -> Doubles:
        """Return scores of features (n, d), as Spark's model does.

        With two classes they rank from other to AGN, (n,). With more they are of each class, (n,
        k): the greatest says what the model predicts.
        """

    def of_columns(self, columns: Integers, d: int) -> Self:
        """Return this classifier as a function of d features, of which it uses `columns`."""


@dataclass(frozen=True)
class Solver:
    """A way to a classifier's model without its estimator: numpy, within one task."""

    #: Tells whether it does what an estimator with these parameters does for so many classes.
    covers: Callable[[Params, int], bool]
    #: From features (n, d), labels (n,), parameters and the number of classes.
    fit: Callable[[Doubles, Labels, Params, int], Scorer]
    #: Returns the model that the estimator would have fitted; needs a Spark session.
    native_model: Callable[[Any, Any], Any]


@dataclass(frozen=True)
class ClassifierKind:
    """One of Spark's classifiers.

    Spark's classes are given by name: importing Spark ML takes seconds, and reading a
    configuration does without it.
    """

    name: str  #: in the configuration, in ``metrics.json`` and in a model's card
    label: str  #: shown to people
    colour: str  #: in all figures; after Okabe & Ito, distinct with any colour vision
    estimator: str  #: its Python class
    saved_as: str  #: the class of its model in a saved pipeline
    settings: Mapping[str, Mapping[str, object]]  #: ``fixed``, ``grid`` and ``random`` by default
    is_default: bool  #: whether it is trained if the configuration names no classifiers
    gives_probability: bool  #: whether its score is a probability, not a margin of any scale
    is_linear: bool  #: whether the weights are coefficients, not importances, which have no sign
    read: Callable[[Path], Scorer]  #: reads the folder of a saved stage
    solver: Solver | None = None
    #: Reads a saved stage as if it had been fitted with a lesser maxDepth, its finished trees
    #: merged or not, given that it was fitted without merging.
    cut: Callable[[Path, int, bool], Scorer] | None = None
    estimator_of_many: str | None = None  #: for more than two classes; None: it knows two only
    saved_as_of_many: str | None = None  #: the class of that estimator's model

    def estimator_of(self, k: int) -> str | None:
        """Return the Python class for k classes; None if there is none."""
        return self.estimator if k == 2 else self.estimator_of_many

    def new_estimator(self, classes: int = 2, **settings: Any) -> Any:
        """Return an untrained Spark estimator; needs a Spark session."""
        name = self.estimator_of(classes)
        assert name is not None
        return pkgutil.resolve_name(name)(**settings)


def logistic(margin: Doubles) -> Doubles:
    """Return ``1 / (1 + exp(-margin))``, exact at both ends."""
    small = np.exp(-np.abs(margin))
    return np.asarray(np.where(margin >= 0, 1.0, small) / (1 + small))
