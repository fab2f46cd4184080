"""A data release from files to catalogue and report, unattended, and all that a folder has."""

from galspec_spark.release.discovery import discover_releases
from galspec_spark.release.stage import run_release

__all__ = ["discover_releases", "run_release"]
