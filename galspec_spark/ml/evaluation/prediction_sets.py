"""Sets of classes that hold a spectrum's own class with a chosen probability, by class and S/N.

This is split conformal prediction conditional on class and S/N, also called Mondrian (Vovk,
Gammerman & Shafer 2005, Algorithmic Learning in a Random World, chapter 4; Sadinle, Lei & Wasserman
2019, J. Am. Stat. Assoc. 114, 223). If a new spectrum of a class and the class's calibration
spectra of its S/N are exchangeable, its set holds the class with a probability of the level or
more, whatever the classifier is worth. A poor classifier has large sets. A class of few spectra has
one range of S/N; the level then holds for all its spectra together.

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


#: Calibration spectra that a range of S/N has at least, and most ranges of a class.
RANGE_SPECTRA, MOST_RANGES = 200, 5


@dataclass(frozen=True)
class ClassLimits:
    """The least conforming spectra that still have a class in their set, by S/N."""

    count: int  #: calibration spectra
    limit: float  #: greatest `nonconformity` in the set, of spectra without S/N
    edges: tuple[float, ...]  #: rising, between the ranges of S/N; an edge is in the range above
    limits: tuple[float, ...]  #: greatest `nonconformity` in the set, of each range

    def at(self, sn: Doubles) -> Doubles:
        """Return the limit of spectra by their S/N, (n,), NaN where there is none."""
        found = np.array(self.limits)[np.searchsorted(self.edges, sn, side="right")]
        return np.where(np.isnan(sn), self.limit, found)


@dataclass(frozen=True)
class PredictionSets:
    """The limits of each class."""

    level: float  #: least probability that a set holds the class
    of_class: tuple[ClassLimits, ...]  #: in the order of the labels

    def contain(self, probabilities: Doubles, sn: Doubles) -> Booleans:
        """Tell which classes the sets of n spectra hold, (n, k).

        Parameters
        ----------
        probabilities
            Those of `nonconformity`.
        sn
            Shape (n,): S/N, NaN where there is none.
        """
        limits = np.stack([each.at(sn) for each in self.of_class], axis=-1)
        return np.asarray(nonconformity(probabilities) <= limits)


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


def sets_by_class(
    labels: Labels, probabilities: Doubles, sn: Doubles, level: float
) -> PredictionSets:
    """Return sets that hold the class of each class's spectra with the level or more.

    Parameters
    ----------
    labels, probabilities, sn
        Of the calibration spectra: (n,), those of `nonconformity`, and (n,), NaN where there is
        none.
    level
        Between 0 and 1.
    """
    values = nonconformity(probabilities)
    own = [labels == label for label in range(values.shape[1])]
    limits = (_by_sn(values[is_own, i], sn[is_own], level) for i, is_own in enumerate(own))
    return PredictionSets(level, tuple(limits))


def _by_sn(nonconformities: Doubles, sn: Doubles, level: float) -> ClassLimits:
    """Return the limits of one class, for ranges of S/N with about as many of its spectra."""
    finite = sn[np.isfinite(sn)]
    ranges = min(max(len(finite) // RANGE_SPECTRA, 1), MOST_RANGES)
    shares = np.linspace(0, 1, ranges + 1)[1:-1]
    edges = np.unique(np.quantile(finite, shares)) if len(shares) else np.empty(0)
    place = np.where(np.isfinite(sn), np.searchsorted(edges, sn, side="right"), -1)
    limit = conformal_limit(nonconformities, level)
    limits = (
        [conformal_limit(nonconformities[place == i], level) for i in range(len(edges) + 1)]
        if len(edges)
        else [limit]
    )
    return ClassLimits(len(nonconformities), limit, tuple(edges.tolist()), tuple(limits))


def sets_of_all(labels: Labels, probabilities: Doubles, level: float) -> PredictionSets:
    """Return the usual, marginal sets: they promise the level for all classes together.

    A rare class can be missing from most sets of its spectra while the others make up for it.
    Parameters are those of `sets_by_class`; S/N does not matter.
    """
    values = nonconformity(probabilities)
    k = values.shape[1]
    counts = np.bincount(labels, minlength=k).tolist()
    limit = conformal_limit(values[np.arange(len(labels)), labels], level)
    return PredictionSets(level, tuple(ClassLimits(n, limit, (), (limit,)) for n in counts))


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
