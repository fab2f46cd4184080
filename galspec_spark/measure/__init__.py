"""From the table ``spectra`` to the table ``lines``."""

from galspec_spark.measure.stage import measure_lines

__all__ = ["measure_lines"]
