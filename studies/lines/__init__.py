"""Measured emission lines beside the survey's own, and pictures of fits."""
