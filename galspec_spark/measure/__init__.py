"""From the table ``spectra`` to the table ``lines``."""
