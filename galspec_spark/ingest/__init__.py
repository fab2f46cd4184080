"""From FITS files to the tables ``spectra`` and ``files``, every file accounted for."""
