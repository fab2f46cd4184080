"""The classes: their names and their order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

OTHER, AGN = "other", "AGN"
#: A label is the index of its class.
CLASS_NAMES = (OTHER, AGN)
#: The class that probabilities, thresholds and curves are about.
POSITIVE = 1
#: What the classes are called in the keys of scores, as in ``agn_f1``.
CLASS_KEYS = tuple(name.lower() for name in CLASS_NAMES)
#: Names of all sets of classes, by the sum of 2**label of the classes in it. A set of none has a
#: name too, for exports cannot tell an empty text from a missing one.
SET_NAMES = ("empty", *CLASS_NAMES, "|".join(CLASS_NAMES))

#: Numbers of spectra (k, k) by true class (rows) and predicted class (columns).
Counts = npt.NDArray[np.int64]
