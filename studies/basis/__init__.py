"""A basis of our own for the continuum, learned from what SDSS measured."""
