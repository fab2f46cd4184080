"""Emission lines as SDSS's pipeline measures them, and the SUBCLASS that it reads from them."""

from galspec_spark.lines.continuum import fit_continuum
from galspec_spark.lines.linelist import all_lines
from galspec_spark.lines.measures import LINE_VALUES, Measures, measure
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import Templates, own_templates, read_templates

__all__ = [
    "LINE_VALUES",
    "Measures",
    "Spectra",
    "Templates",
    "all_lines",
    "fit_continuum",
    "measure",
    "own_templates",
    "read_templates",
]
