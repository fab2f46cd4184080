"""Repeat observations of one object whose lines or class differ beyond their errors."""

from galspec_spark.changes.stage import find_changes

__all__ = ["find_changes"]
