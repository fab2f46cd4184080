"""Sets of classes that hold a spectrum's own class with a chosen probability, class by class.

This is split conformal prediction conditional on the class, also called Mondrian (Vovk, Gammerman &
Shafer 2005, Algorithmic Learning in a Random World, chapter 4; Sadinle, Lei & Wasserman 2019,
J. Am. Stat. Assoc. 114, 223). If a new spectrum of a class and the class's calibration spectra are
exchangeable, its set holds the class with a probability of the level or more, whatever the
classifier is worth. A poor classifier has large sets.

Calibration spectra are the training split, each scored by the model of the folds without it, and
new spectra are scored by the model of all folds. So the level is strictly promised for the models
of the folds only; of the saved model the test split says what it reaches.

The probabilities were calibrated on the same scores. Platt's function rises strictly, so the sets
are those of the scores themselves; the steps of the isotonic function make ties.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from galspec_spark.labels import Classes
from galspec_spark.ml.evaluation.calibration import Labels
from galspec_spark.spectrum.arrays import Doubles

#: No nonconformity is greater: a class with this limit is in every set.
GREATEST = 1.0

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PredictionSets:
    """The least conforming spectra that still have a class in their set.

    Attributes by class are in the order of the labels.
    """

    level: float  #: least probability that a set holds the class
    counts: tuple[int, ...]  #: calibration spectra, by class
    limits: tuple[float, ...]  #: greatest `nonconformity` in the set, by class

    def contain(self, probabilities: Doubles) -> Booleans:
        """Tell which classes the sets of spectra hold, (n, k), given probabilities.

        Probabilities are those of `nonconformity`.
        """
        return np.asarray(nonconformity(probabilities) <= np.array(self.limits))


def nonconformity(probabilities: Doubles) -> Doubles:
    """Return 1 less the probability of each class, (n, k).

    Parameters
    ----------
    probabilities
        Of AGN, (n,), where there are two classes; of each class, (n, k), where there are more.
    """
    if probabilities.ndim == 1:
        return np.stack([probabilities, 1 - probabilities], axis=-1)
    return 1 - probabilities


def sets_by_class(labels: Labels, probabilities: Doubles, level: float) -> PredictionSets:
    """Return sets that hold the class of each class's spectra with the level or more.

    Parameters
    ----------
    labels, probabilities
        Of the calibration spectra: (n,), and those of `nonconformity`.
    level
        Between 0 and 1.
    """
    values = nonconformity(probabilities)
    of_class = [values[labels == label, label] for label in range(values.shape[1])]
    limits = tuple(conformal_limit(own, level) for own in of_class)
    return PredictionSets(level, tuple(map(len, of_class)), limits)


def sets_of_all(labels: Labels, probabilities: Doubles, level: float) -> PredictionSets:
    """Return the usual, marginal sets: they promise the level for all classes together.

    A rare class can be missing from most sets of its spectra while the others make up for it.
    Parameters are those of `sets_by_class`.
    """
    values = nonconformity(probabilities)
    k = values.shape[1]
    counts = np.bincount(labels, minlength=k).tolist()
    limits = (conformal_limit(values[np.arange(len(labels)), labels], level),) * k
    return PredictionSets(level, tuple(counts), limits)


def conformal_limit(nonconformities: Doubles, level: float) -> float:
    """Return the ceil((n + 1) level)-th smallest of n nonconformities.

    Returns
    -------
    float
        `GREATEST`, so that the class is in every set, where n is less than that number. Values
        equal to the limit are within it, so ties make sets larger and never break the promise.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    # As a decimal fraction: in binary, 100 * 0.55 is more than 55.
    rank = math.ceil((len(nonconformities) + 1) * Fraction(str(level)))
    if rank > len(nonconformities):
        return GREATEST
    return float(np.partition(nonconformities, rank - 1)[rank - 1])


def set_names(contain: Booleans, classes: Classes) -> npt.NDArray[np.str_]:
    """Return the name of each set, (n,), of `Classes.set_names`."""
    return np.array(classes.set_names)[contain @ (1 << np.arange(len(classes)))]
