"""From a spectroscopic survey's FITS archive to a classified galaxy catalogue, on Apache Spark."""

__version__ = "0.2.0"
