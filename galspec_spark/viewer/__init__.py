"""A page to look at spectra: what came in, what the model makes of it, what the lines say."""

from galspec_spark.viewer.stage import PAGE, view_catalog, view_test_split

__all__ = ["PAGE", "view_catalog", "view_test_split"]
