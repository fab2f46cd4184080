"""Arrow schema of the table ``lines``."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.lines.linelist import all_lines
from galspec_spark.warehouse.columns import Column, column, described, required
from galspec_spark.warehouse.fields import (
    DENSITY,
    FILE,
    MEASURES,
    SPECTRUM_ID,
    Z,
    of_line,
    provenance,
)

#: What is kept of each line, in columns such as ``h_beta_area``: equivalent width and continuum are
#: at the observed wavelength. Lines share one redshift and, but for the Balmer lines, one sigma.
#: Null where ``h_beta_flag`` is 1 (outside the range of wavelengths) or 2 (no good pixel within 3
#: sigma).
LINE_COLUMNS = {
    **{name: (pa.float32(), MEASURES[name]) for name in ("area", "area_err", "ew", "ew_err")},
    "continuum": (
        pa.float32(),
        Column(
            "flux density under it; of LAMOST, relative",
            "phot.flux.density;spect.continuum",
            DENSITY,
        ),
    ),
    "continuum_err": (
        pa.float32(),
        Column("error of that", "stat.error;phot.flux.density;spect.continuum", DENSITY),
    ),
    **{name: (pa.float32(), MEASURES[name]) for name in ("sigma", "sigma_err")},
    "chi2": (
        pa.float32(),
        Column("chi2 of the pixels within 3 sigma", "stat.fit.chi2;spect.line"),
    ),
    "pixels": (pa.int32(), Column("good pixels within 3 sigma", "meta.number;spect.line")),
    "flag": (
        pa.int8(),
        Column("0 measured, 1 out of range, 2 no good pixel", "meta.code.qual;spect.line"),
    ),
}

#: One row per row of ``spectra``, in the same order, in a part of the same name; null without a
#: redshift. ``formula_margin`` is the number of sigma by which a spectrum is AGN by the formula.
#: Folders survey=.../release=... hold the two partition columns.
LINES = pa.schema(
    [
        SPECTRUM_ID,
        FILE,
        Z,
        column("line_z", pa.float64(), "Redshift of the lines", "src.redshift;spect.line"),
        column("line_z_err", pa.float32(), "Error of line_z", "stat.error;src.redshift;spect.line"),
        column(
            "velocity_dispersion",
            pa.float32(),
            "Velocity dispersion of the stars",
            "phys.veloc.dispersion",
            "km/s",
        ),
        column(
            "velocity_dispersion_err",
            pa.float32(),
            "Error of velocity_dispersion",
            "stat.error;phys.veloc.dispersion",
            "km/s",
        ),
        column(
            "continuum_chi2",
            pa.float32(),
            "chi2 of the continuum's fit",
            "stat.fit.chi2;spect.continuum",
        ),
        column(
            "continuum_pixels",
            pa.int32(),
            "Pixels of the continuum's fit",
            "meta.number;spect.continuum",
        ),
        column(
            "converged",
            pa.bool_(),
            "1 if the fit of the lines converged, else 0",
            "meta.code.qual;stat.fit",
        ),
        column(
            "h_beta_sn", pa.float32(), "S/N of H beta: its area by its error", "stat.snr;spect.line"
        ),
        column(
            "formula_subclass",
            pa.string(),
            "Class by SDSS's formula of four lines; empty for none",
            "src.class;spect.line",
        ),
        column(
            "formula_margin",
            pa.float32(),
            "Sigma by which the formula says AGN",
            "stat.snr;src.class",
        ),
        column(
            "formula_survival",
            pa.float32(),
            "Probability that a second look says the same: AGN or not",
            "stat.probability;src.class",
        ),
        column(
            "formula_broadline",
            pa.bool_(),
            "1 if SDSS's formula says BROADLINE, else 0",
            "meta.code.class",
        ),
        *(
            described(pa.field(f"{line}_{name}", kind), of_line(line, meaning))
            for line in all_lines()
            for name, (kind, meaning) in LINE_COLUMNS.items()
        ),
        required(
            "templates",
            pa.string(),
            "Templates of the continuum, and their SHA-256",
            "meta.id;spect.continuum",
        ),
        required(
            "templates_seen",
            pa.bool_(),
            "1 if the templates learned from it, else 0",
            "meta.code.qual",
        ),
        *provenance("measured"),
    ]
)
