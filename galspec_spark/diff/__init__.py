"""What changed between two releases of one warehouse, and why."""

from galspec_spark.diff.stage import diff

__all__ = ["diff"]
