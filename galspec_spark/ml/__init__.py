"""Features, classifiers, their search and evaluation, and the model that comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from galspec_spark.ml.search.cross_validator import CrossValidator

__all__ = ["CrossValidator"]


def __getattr__(name: str) -> object:
    """Import Spark ML, which takes a second, when it is asked for."""
    if name == "CrossValidator":
        from galspec_spark.ml.search.cross_validator import CrossValidator

        return CrossValidator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
