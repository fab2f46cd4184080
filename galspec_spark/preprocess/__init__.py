"""From the table ``spectra`` to spectra at rest and the decisions about them."""
