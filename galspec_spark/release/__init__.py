"""A data release from files to catalogue and report, unattended."""

from galspec_spark.release.stage import run_release

__all__ = ["run_release"]
