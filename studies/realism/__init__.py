"""Simulated spectra beside real ones."""
