"""Features, classifiers, their search and evaluation, and the model that comes of it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from galspec_spark.ml.pca.estimator import PCA
    from galspec_spark.ml.search.cross_validator import CrossValidator

__all__ = ["PCA", "CrossValidator"]

#: Where the names come from.
_HOMES = {"PCA": "pca.estimator", "CrossValidator": "search.cross_validator"}


def __getattr__(name: str) -> object:
    """Import Spark ML, which takes a second, when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
