"""The columns of an exported catalogue whose spectra have lines."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.catalog.read import OF_LINES
from galspec_spark.export.columns import CATALOGUE, Column, Columns
from galspec_spark.lines import all_lines

#: Units of flux and of flux density, for SDSS and DESI.
FLUX, DENSITY = "10**-17erg.s**-1.cm**-2", "10**-17erg.s**-1.cm**-2.Angstrom**-1"
#: Types that not every format has; a flag is a short integer, and so is a truth value, 1 or 0:
#: readers of FITS take a missing truth value for a false one.
STORED_AS = {pa.bool_(): pa.int16(), pa.int8(): pa.int16()}

#: Columns of a spectrum.
_OF_SPECTRUM = {
    "line_z": Column("Redshift of the lines", "src.redshift;spect.line"),
    "line_z_err": Column("Error of line_z", "stat.error;src.redshift;spect.line"),
    "velocity_dispersion": Column(
        "Velocity dispersion of the stars", "phys.veloc.dispersion", "km/s"
    ),
    "velocity_dispersion_err": Column(
        "Error of velocity_dispersion", "stat.error;phys.veloc.dispersion", "km/s"
    ),
    "continuum_chi2": Column("chi2 of the continuum's fit", "stat.fit.chi2;spect.continuum"),
    "continuum_pixels": Column("Pixels of the continuum's fit", "meta.number;spect.continuum"),
    "converged": Column("1 if the fit of the lines converged, else 0", "meta.code.qual;stat.fit"),
    "h_beta_sn": Column("S/N of H beta: its area by its error", "stat.snr;spect.line"),
    "formula_subclass": Column(
        "Class by SDSS's formula of four lines; empty for none", "src.class;spect.line"
    ),
    "formula_margin": Column("Sigma by which the formula says AGN", "stat.snr;src.class"),
    "formula_survival": Column(
        "Probability that a second look says the same: AGN or not", "stat.probability;src.class"
    ),
    "formula_broadline": Column("1 if SDSS's formula says BROADLINE, else 0", "meta.code.class"),
}
#: Columns of each line; the name of the line precedes the description.
_OF_LINE = {
    "area": Column("flux, its area; of LAMOST, relative", "phot.flux;spect.line", FLUX),
    "area_err": Column("error of the area", "stat.error;phot.flux;spect.line", FLUX),
    "ew": Column("observed equivalent width, > 0 in emission", "spect.line.eqWidth", "Angstrom"),
    "ew_err": Column("error of the equivalent width", "stat.error;spect.line.eqWidth", "Angstrom"),
    "continuum": Column(
        "flux density under it; of LAMOST, relative", "phot.flux.density;spect.continuum", DENSITY
    ),
    "continuum_err": Column(
        "error of that", "stat.error;phot.flux.density;spect.continuum", DENSITY
    ),
    "sigma": Column("width, sigma", "phys.veloc.dispersion;spect.line", "km/s"),
    "sigma_err": Column(
        "error of the width", "stat.error;phys.veloc.dispersion;spect.line", "km/s"
    ),
    "chi2": Column("chi2 of the pixels within 3 sigma", "stat.fit.chi2;spect.line"),
    "pixels": Column("good pixels within 3 sigma", "meta.number;spect.line"),
    "flag": Column("0 measured, 1 out of range, 2 no good pixel", "meta.code.qual;spect.line"),
}
#: Columns of the run that measured.
_OF_RUN = {
    "templates": Column("Templates of the continuum, and their SHA-256", "meta.id;spect.continuum"),
    "templates_seen": Column("1 if the templates learned from it, else 0", "meta.code.qual"),
    "lines_version": Column("Version of galspec_spark that measured", "meta.version;meta.software"),
    "lines_run_id": Column("Run that measured", "meta.id"),
    "lines_config_hash": Column("Hash of that run's configuration", "meta.checksum"),
}
_LINES = {
    f"{line}_{value}": column._replace(description=f"{line}: {column.description}")
    for line in all_lines()
    for value, column in _OF_LINE.items()
}

#: The columns of the table ``catalog``, then those of ``lines``.
WITH_LINES = Columns(
    {**CATALOGUE.described, **_OF_SPECTRUM, **_LINES, **_OF_RUN},
    pa.schema(
        [
            *CATALOGUE.schema,
            *(f.with_type(STORED_AS.get(f.type, f.type)) for f in OF_LINES.schema),
        ],
    ),
)
