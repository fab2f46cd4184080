"""FITS files of a survey to Arrow batches, one module per survey."""
