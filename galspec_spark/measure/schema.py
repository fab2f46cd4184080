"""Arrow schema of the table ``lines``."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.lines import all_lines
from galspec_spark.warehouse.schemas import PROVENANCE

#: What is kept of each line, in columns such as ``h_beta_area``: area in units of the flux times A;
#: equivalent width in A, positive in emission, and continuum, at the observed wavelength; sigma in
#: km/s; chi2 and number of good pixels within 3 sigma. Lines share one redshift and, but for the
#: Balmer lines, one sigma. Null where ``h_beta_flag`` is 1 (outside the range of wavelengths) or 2
#: (no good pixel within 3 sigma).
LINE_COLUMNS = {
    "area": pa.float32(),
    "area_err": pa.float32(),
    "ew": pa.float32(),
    "ew_err": pa.float32(),
    "continuum": pa.float32(),
    "continuum_err": pa.float32(),
    "sigma": pa.float32(),
    "sigma_err": pa.float32(),
    "chi2": pa.float32(),
    "pixels": pa.int32(),
    "flag": pa.int8(),
}

#: One row per row of ``spectra``, in the same order, in a part of the same name; null without a
#: redshift. ``formula_margin`` is the number of sigma by which a spectrum is AGN by the formula;
#: ``formula_survival`` is the probability that a second look would say the same, AGN or not.
#: ``templates_seen`` tells whether the templates learned from it.
#: Folders survey=.../release=... hold the two partition columns.
LINES = pa.schema(
    [
        pa.field("spectrum_id", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("z", pa.float64()),
        pa.field("line_z", pa.float64()),
        pa.field("line_z_err", pa.float32()),
        pa.field("velocity_dispersion", pa.float32()),
        pa.field("velocity_dispersion_err", pa.float32()),
        pa.field("continuum_chi2", pa.float32()),
        pa.field("continuum_pixels", pa.int32()),
        pa.field("converged", pa.bool_()),
        pa.field("h_beta_sn", pa.float32()),
        pa.field("formula_subclass", pa.string()),
        pa.field("formula_margin", pa.float32()),
        pa.field("formula_survival", pa.float32()),
        pa.field("formula_broadline", pa.bool_()),
        *(
            pa.field(f"{line}_{name}", kind)
            for line in all_lines()
            for name, kind in LINE_COLUMNS.items()
        ),
        pa.field("templates", pa.string(), nullable=False),
        pa.field("templates_seen", pa.bool_(), nullable=False),
        *PROVENANCE,
    ]
)
