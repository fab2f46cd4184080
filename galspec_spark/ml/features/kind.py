"""Interface of a kind of features: what its file must define."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.spectrum.arrays import Doubles, Floats

#: Column of the rms of flux less its reconstruction, over the pixels; null if a kind has none.
RECONSTRUCTION_ERROR = "reconstruction_error"


class Features(Protocol):
    """Fitted features: k numbers for each spectrum, computed with numpy in the tasks."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the k features, in order."""

    @property
    def basis(self) -> Doubles | None:
        """The spectrum that each feature stands for, shape (k, pixels); None if undefined."""

    @property
    def explained_variance(self) -> Sequence[float]:
        """Share of the spectra's variance that each feature explains; empty where undefined."""

    def transform(self, inputs: Inputs) -> Doubles:
        """Return the features (n, k) of n spectra, all finite."""

    def reconstruct(self, features: Doubles) -> Doubles | None:
        """Return the spectra (n, pixels) that features (n, k) stand for; None if undefined."""

    def reconstruction_error(self, flux: Floats, features: Doubles) -> Doubles | None:
        """Return the rms of flux less its reconstruction, over the pixels, (n,); None without."""

    def explain(self, weights: Doubles, is_linear: bool) -> Doubles | None:
        """Return how much each pixel weighs in a decision, (pixels,); None where undefined.

        Parameters
        ----------
        weights
            Weight of each feature in a classifier, (k,).
        is_linear
            Whether the weights are coefficients, not importances, which have no sign.
        """

    def save(self, folder: Path) -> None:
        """Write the features to an existing folder, without pickle."""


@dataclass(frozen=True)
class FeatureKind:
    """A kind of features.

    Functions that need Spark are given by name: importing Spark ML takes seconds, and reading a
    configuration does without it.
    """

    name: str  #: in the configuration, in ``metrics.json`` and in a model's card
    label: str  #: shown to people, in the plural
    settings: type[BaseModel]  #: in the configuration
    count: Callable[[Any], int]  #: gives the number of features for settings
    #: Name of the function that fits. It takes session, labelled spectra, settings, number of folds
    #: and a scratch folder that all machines see. It returns `Features` for each fold, fitted
    #: without the fold's spectra, and last the `Features` of the whole training split.
    fit: str
    read: Callable[[Path], Features]  #: reads the folder that `Features.save` wrote
    #: Name of the function that returns stock steps of a Spark pipeline for `Features`. The steps
    #: compute them from the column ``spectrum`` (vector). None if Spark has no such steps.
    native_steps: str | None = None
    saved_as: Sequence[str] = ()  #: classes of these steps in a saved pipeline
    #: Columns of the table ``lines`` that the features are made of; without any, they are made of
    #: pixels.
    line_columns: Sequence[str] = ()
    #: The only classifier that they are for; None if they are for all that are configured.
    classifier: str | None = None
    is_default: bool = True  #: whether the configuration has them where it names no features

    def resolve(self, function: str) -> Any:
        """Return a function given by its name."""
        return pkgutil.resolve_name(function)
