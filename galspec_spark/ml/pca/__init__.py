"""Principal components: one pass over the spectra for all folds, and MLlib's own model of them."""
