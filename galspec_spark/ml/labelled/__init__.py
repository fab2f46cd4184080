"""The labelled spectra of a warehouse, and what training computes from them."""
