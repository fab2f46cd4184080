"""Upkeep of a warehouse: small parts become large, releases and old models go, formats move on."""

from galspec_spark.upkeep.compact import compact
from galspec_spark.upkeep.migrate import migrate
from galspec_spark.upkeep.remove import remove

__all__ = ["compact", "migrate", "remove"]
