"""From rest-frame spectra to classifiers, Table 1, a model and a report."""

from galspec_spark.train.stage import train

__all__ = ["train"]
