"""The table ``spectra`` to spectra at rest and to what is decided about them."""

from galspec_spark.preprocess.stage import preprocess

__all__ = ["preprocess"]
