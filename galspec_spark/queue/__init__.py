"""The inspection queue: the spectra whose label would teach a model most."""
