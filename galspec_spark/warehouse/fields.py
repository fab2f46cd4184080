"""Columns that several tables have, and what is said of them."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.warehouse.columns import Column, column, required

#: Units of flux and of flux density, for SDSS and DESI.
FLUX, DENSITY = "10**-17erg.s**-1.cm**-2", "10**-17erg.s**-1.cm**-2.Angstrom**-1"
#: Measures kept of each line's fit; null where the line was not measured.
MEASURES = {
    "area": Column("flux, its area; of LAMOST, relative", "phot.flux;spect.line", FLUX),
    "area_err": Column("error of the area", "stat.error;phot.flux;spect.line", FLUX),
    "ew": Column("observed equivalent width, > 0 in emission", "spect.line.eqWidth", "Angstrom"),
    "ew_err": Column("error of the equivalent width", "stat.error;spect.line.eqWidth", "Angstrom"),
    "sigma": Column("width, sigma", "phys.veloc.dispersion;spect.line", "km/s"),
    "sigma_err": Column(
        "error of the width", "stat.error;phys.veloc.dispersion;spect.line", "km/s"
    ),
}


def of_line(line: str, meaning: Column) -> Column:
    """Return what is said of a measure of one line."""
    return meaning._replace(description=f"{line}: {meaning.description}")


def provenance(verb: str) -> list[pa.Field]:
    """Return the columns that every row carries: who did to it what the verb says."""
    return [
        column(
            "version",
            pa.string(),
            f"Version of galspec_spark that {verb}",
            "meta.version;meta.software",
        ),
        column("run_id", pa.string(), f"Run that {verb}", "meta.id"),
        column("config_hash", pa.string(), "Hash of that run's configuration", "meta.checksum"),
    ]


PROVENANCE = provenance("made the row")

SPECTRUM_ID = required(
    "spectrum_id", pa.string(), "Spectrum: survey-release-key", "meta.id;meta.main"
)
#: The lasting identity of the object.
OBJECT_ID = column("object_id", pa.string(), "Object; the same for all its spectra", "meta.id;src")
FILE = required("file", pa.string(), "File that it was read from", "meta.id;meta.file")
SOURCE_TYPE = column(
    "source_type", pa.string(), "What the survey chose the target as", "meta.code.class"
)
RA = column("ra", pa.float64(), "Right ascension (ICRS)", "pos.eq.ra;meta.main", "deg")
DEC = column("dec", pa.float64(), "Declination (ICRS)", "pos.eq.dec;meta.main", "deg")
HEALPIX29 = column("healpix29", pa.int64(), "HEALPix pixel of order 29, nested", "pos.healpix")
Z = column("z", pa.float64(), "Redshift, as the survey measured it", "src.redshift")
ZWARNING = column(
    "zwarning",
    pa.int32(),
    "Warnings of the survey's redshift: bits",
    "meta.code.qual;src.redshift",
)
CLASS = column("class", pa.string(), "Class given by the survey, such as GALAXY", "src.class")
SUBCLASS = column("subclass", pa.string(), "Subclass given by the survey", "src.class")
SN_MEDIAN = column(
    "sn_median",
    pa.float32(),
    "Median signal-to-noise ratio of a pixel",
    "stat.snr;stat.median",
)
#: Whether the file says so; `galspec_spark.readers.simulated` knows how.
SIMULATED = column(
    "simulated", pa.bool_(), "Whether it was simulated, and observed by no telescope", "meta.code"
)
QUALITY = required(
    "quality",
    pa.int32(),
    "Quality of the pixels: 1 none informs, 2 some not finite; bits",
    "meta.code.qual",
)
COVERAGE = column(
    "coverage",
    pa.float32(),
    "Fraction of the rest-frame window with good pixels",
    "stat.filling",
)
LABEL = column(
    "label",
    pa.int32(),
    "The survey's own class, or a person's: of two, AGN is 1, other 0",
    "meta.code.class",
)
REASON = column(
    "reason", pa.string(), "Why the spectrum was left out and has no probability", "meta.note"
)
#: Columns that the names of the folders give to the rows.
SURVEY = required("survey", pa.string(), "Survey", "meta.id;meta.dataset")
RELEASE = required(
    "release", pa.string(), "Data release of the survey", "meta.version;meta.dataset"
)
MODEL = required(
    "model", pa.string(), "Model: first digits of its card's SHA-256", "meta.checksum;meta.modelled"
)
