"""Upkeep of a warehouse: small parts become large, releases and old models go, formats move on."""

from galspec_spark.upkeep.compact import compact

__all__ = ["compact"]
