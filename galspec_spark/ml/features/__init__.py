"""Spectra to features for the classifiers."""
