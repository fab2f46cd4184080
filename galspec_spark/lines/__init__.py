"""Emission lines as SDSS's pipeline measures them, and the SUBCLASS that it reads from them."""
