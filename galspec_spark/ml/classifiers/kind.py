"""What the rest of the package asks about a classifier, and its file answers."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from galspec_spark.spectrum.arrays import Doubles

#: Of the type that numpy takes by without a conversion.
Integers = npt.NDArray[np.intp]


class Scorer(Protocol):
    """A fitted classifier as numbers: what it computes, without Spark."""

    def score(self, features: Doubles) -> Doubles:
        """Return what ranks features (n, k) from other to AGN, as Spark's model does."""

    def of_columns(self, columns: Integers, k: int) -> Self:
        """Return the same as a function of k features, of which it uses some."""


@dataclass(frozen=True)
class ClassifierKind:
    """One of Spark's classifiers.

    Classes are given by their names: importing Spark ML takes seconds, and a configuration is
    read without it.
    """

    name: str  #: in the configuration, in ``metrics.json`` and in a model's card
    label: str  #: that people read
    colour: str  #: in all figures; after Okabe & Ito, told apart with any colour vision
    estimator: str  #: its class in Python
    saved_as: str  #: the class of its model in a saved pipeline
    settings: Mapping[str, Mapping[str, object]]  #: ``fixed``, ``grid`` and ``random`` by default
    is_default: bool  #: whether it is trained where the configuration does not say which are
    gives_probability: bool  #: whether its score is a probability, or a margin of any scale
    weights: Callable[[Any], Doubles]  #: what a fitted model gives each feature
    is_linear: bool  #: whether these are coefficients, or importances, which have no sign
    read: Callable[[Path], Scorer]  #: from the folder of a saved stage

    @property
    def score_column(self) -> str:
        """The column of Spark's predictions whose second element is the score."""
        return "probability" if self.gives_probability else "rawPrediction"

    def new_estimator(self, **settings: Any) -> Any:
        """Return an untrained Spark estimator; needs a Spark session."""
        return pkgutil.resolve_name(self.estimator)(**settings)


def logistic(margin: Doubles) -> Doubles:
    """Return ``1 / (1 + exp(-margin))``, exact at both ends."""
    small = np.exp(-np.abs(margin))
    return np.asarray(np.where(margin >= 0, 1.0, small) / (1 + small))
