"""From rest-frame spectra and a model to the table ``catalog``."""
