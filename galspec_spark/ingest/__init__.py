"""From FITS files to the tables ``spectra`` and ``files``, every file accounted for."""

from galspec_spark.ingest.stage import ingest

__all__ = ["ingest"]
