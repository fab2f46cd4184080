"""The catalogue for astronomers: FITS, VOTable, HATS and CSV."""
