"""From rest-frame spectra to classifiers, Table 1, a model and a report."""
