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


#: Labels, 0 or 1.
Labels = npt.NDArray[np.int32]
#: Parameters of an estimator, by Spark's names, defaults included.
Params = Mapping[str, Any]


class Scorer(Protocol):
    """A fitted classifier as numbers, evaluated without Spark."""

    @property
    def weights(self) -> Doubles:
        """The weight of each feature, (k,): coefficients, or importances, which sum to 1."""

    def score(self, features: Doubles) -> Doubles:
        """Return scores that rank features (n, k) from other to AGN, as Spark's model does."""

    def of_columns(self, columns: Integers, k: int) -> Self:
        """Return this classifier as a function of k features, of which it uses `columns`."""


@dataclass(frozen=True)
class Solver:
    """A way to a classifier's model without its estimator: numpy, within one task."""

    #: Tells whether it does what an estimator with these parameters does.
    covers: Callable[[Params], bool]
    fit: Callable[[Doubles, Labels, Params], Scorer]  #: from features (n, k) and labels (n,)
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

    def new_estimator(self, **settings: Any) -> Any:
        """Return an untrained Spark estimator; needs a Spark session."""
        return pkgutil.resolve_name(self.estimator)(**settings)


def logistic(margin: Doubles) -> Doubles:
    """Return ``1 / (1 + exp(-margin))``, exact at both ends."""
    small = np.exp(-np.abs(margin))
    return np.asarray(np.where(margin >= 0, 1.0, small) / (1 + small))
