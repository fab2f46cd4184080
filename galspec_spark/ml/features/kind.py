"""What the rest of the package asks about a kind of features, and its file answers."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from galspec_spark.spectrum.arrays import Doubles, Floats

#: Column of the rms over the pixels of flux less its reconstruction; null where a kind has none.
RECONSTRUCTION_ERROR = "reconstruction_error"


class Features(Protocol):
    """Fitted features: k numbers of each spectrum, computed with numpy in the tasks."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the k features, in order."""

    @property
    def basis(self) -> Doubles | None:
        """The spectrum that each feature stands for, shape (k, pixels); None without such."""

    @property
    def explained_variance(self) -> Sequence[float]:
        """Share of the spectra's variance that each feature explains; empty where undefined."""

    def transform(self, flux: Floats, ivar: Floats) -> Doubles:
        """Return the features (n, k) of spectra (n, pixels) without gaps.

        Parameters
        ----------
        flux
            Finite; a gap holds the fill spectrum.
        ivar
            0 in a gap.
        """

    def reconstruct(self, features: Doubles) -> Doubles | None:
        """Return the spectra (n, pixels) that features (n, k) stand for; None without such."""

    def reconstruction_error(self, flux: Floats, features: Doubles) -> Doubles | None:
        """Return the rms over the pixels of flux less its reconstruction, (n,); None without."""

    def explain(self, weights: Doubles, is_linear: bool) -> Doubles | None:
        """Return how much each pixel weighs in a decision, (pixels,); None where undefined.

        Parameters
        ----------
        weights
            What a classifier gives each feature, (k,).
        is_linear
            Whether they are coefficients, or importances, which have no sign.
        """

    def save(self, folder: Path) -> None:
        """Write the features to a folder that exists; no pickle."""


@dataclass(frozen=True)
class FeatureKind:
    """A way to features.

    Functions that need Spark are given by their names: importing Spark ML takes seconds, and a
    configuration is read without it.
    """

    name: str  #: in the configuration, in ``metrics.json`` and in a model's card
    label: str  #: for people: what the features are, in the plural
    settings: type[BaseModel]  #: of the configuration
    count: Callable[[Any], int]  #: from settings to the number of features
    #: Name of the function that fits. From session, labelled spectra, settings, number of folds and
    #: a scratch folder that all machines see, to `Features` for each fold, which know nothing of
    #: its spectra, and last those of the whole training split.
    fit: str
    read: Callable[[Path], Features]  #: from the folder that `Features.save` wrote
    #: Name of the function from `Features` to stock steps of a Spark pipeline, which compute them
    #: from the column ``spectrum`` (vector); None where Spark has none.
    native_steps: str | None = None
    saved_as: Sequence[str] = ()  #: the classes of these steps in a saved pipeline

    def resolve(self, function: str) -> Any:
        """Return a function given by its name."""
        return pkgutil.resolve_name(function)
