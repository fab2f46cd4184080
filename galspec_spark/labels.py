"""The classes of galaxies: their names and their order.

The configuration names them (``preprocess.label``), the table ``sample`` and a model's card keep
them, and a label is the index of its class. One of them is AGN, always the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

OTHER, AGN = "other", "AGN"
#: Name of a set of no classes: exports cannot tell an empty text from a missing one.
EMPTY = "empty"

#: Numbers of spectra (k, k) by true class (rows) and predicted class (columns).
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """The k classes that spectra are divided into."""

    names: tuple[str, ...]  #: by label; AGN is the last

    @classmethod
    def of(cls, names: Iterable[str]) -> Classes:
        """Return classes in their order: by name, and AGN last."""
        return cls((*sorted(name for name in names if name != AGN), AGN))

    def __len__(self) -> int:
        """Return how many there are, k."""
        return len(self.names)

    @property
    def positive(self) -> int:
        """The label of AGN, the class that probabilities, thresholds and curves are about."""
        return len(self.names) - 1

    @property
    def keys(self) -> tuple[str, ...]:
        """What the classes are called in the keys of JSON, as in ``agn``."""
        return tuple(name.lower() for name in self.names)

    @property
    def set_names(self) -> tuple[str, ...]:
        """Names of all sets of classes, by the sum of 2**label of the classes in it."""
        return tuple(
            "|".join(name for label, name in enumerate(self.names) if number >> label & 1) or EMPTY
            for number in range(1 << len(self.names))
        )


#: The classes of the paper, which are the default.
BINARY = Classes((OTHER, AGN))
