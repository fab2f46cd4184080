"""A page to look at spectra: what came in, what the model makes of it, what the lines say."""
