"""Networks that learn features from a sample of the training spectra, with scikit-learn."""
