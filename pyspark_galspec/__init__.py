"""Makes ``spark.read.format("galspec")`` known: Spark looks for packages named ``pyspark_*``."""

from galspec_spark.datasource.source import GalspecDataSource as DefaultSource

__all__ = ["DefaultSource"]
