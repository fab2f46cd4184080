"""From the table ``spectra`` to spectra at rest and the decisions about them."""

from galspec_spark.preprocess.stage import preprocess

__all__ = ["preprocess"]
