"""Numerical kernels on whole batches of spectra."""
