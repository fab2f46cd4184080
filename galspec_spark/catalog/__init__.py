"""From rest-frame spectra and a model to the table ``catalog``."""

from galspec_spark.catalog.stage import classify

__all__ = ["classify"]
