"""The columns of an exported catalogue: description, unit and UCD, for every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from galspec_spark.catalog.keys import KEYS
from galspec_spark.warehouse.schemas import CATALOG


class Column(NamedTuple):
    """What is said of one column."""

    description: str  #: at most 68 characters, to fit a card of a FITS header
    ucd: str  #: UCD1+, words of the IVOA's list
    unit: str | None = None  #: as FITS and VOTable spell it; None for no unit


@dataclass(frozen=True)
class Columns:
    """The columns of an export, in the order of its files."""

    described: dict[str, Column]  #: by name
    schema: pa.Schema  #: of the same names

    @property
    def text(self) -> list[str]:
        """Return the names of the columns of text."""
        return [field.name for field in self.schema if pa.types.is_string(field.type)]


_CATALOG = {
    "spectrum_id": Column("Spectrum: survey-release-key", "meta.id;meta.main"),
    "object_id": Column("Object; the same for all its spectra", "meta.id;src"),
    "survey": Column("Survey", "meta.id;meta.dataset"),
    "release": Column("Data release of the survey", "meta.version;meta.dataset"),
    "plate": Column("Plate of SDSS", "meta.id;instr"),
    "mjd": Column("Night of the observation: MJD, its whole part", "time.epoch", "d"),
    "fiber": Column("Fibre of SDSS or LAMOST", "meta.id;instr"),
    "field": Column(
        "Plan and spectrograph (LAMOST), group (DESI) or field (SDSS-V)", "meta.id;obs.field"
    ),
    "target_id": Column("Target: DESI's TARGETID, SDSS-V's CATALOGID", "meta.id;src"),
    "run2d": Column("Version of the survey's reduction", "meta.version;meta.software"),
    "specobjid": Column("SPECOBJID of SDSS, as of DR8 and later", "meta.id;obs"),
    "ra": Column("Right ascension (ICRS)", "pos.eq.ra;meta.main", "deg"),
    "dec": Column("Declination (ICRS)", "pos.eq.dec;meta.main", "deg"),
    "healpix29": Column("HEALPix pixel of order 29, nested", "pos.healpix"),
    "z": Column("Redshift, as the survey measured it", "src.redshift"),
    "z_err": Column("Error of z", "stat.error;src.redshift"),
    "zwarning": Column("Warnings of the survey's redshift: bits", "meta.code.qual;src.redshift"),
    "subclass": Column("Subclass given by the survey", "src.class"),
    "sn_median": Column("Median signal-to-noise ratio of a pixel", "stat.snr;stat.median"),
    "coverage": Column("Fraction of the rest-frame window with good pixels", "stat.filling"),
    "label": Column(
        "The survey's own class, or a person's: of two, AGN is 1, other 0", "meta.code.class"
    ),
    "class": Column("Class given by the model, such as AGN, or abstain", "src.class;meta.main"),
    "probability": Column("Calibrated probability that it is an AGN", "stat.probability;src.class"),
    "margin": Column("Probability less the model's threshold", "stat.probability;arith.diff"),
    "prediction_set": Column(
        "Classes not excluded at the model's level; empty if none is left",
        "src.class;meta.modelled",
    ),
    "reconstruction_error": Column(
        "Rms of the normalised flux less its reconstruction", "stat.fit.residual"
    ),
    "flags": Column("Warnings: sum of the bits FLAG0, FLAG1, ...", "meta.code.qual"),
    "reason": Column("Why the spectrum was left out and has no probability", "meta.note"),
    "features": Column("Features that the classifier was given", "stat.fit.param"),
    "url": Column("The survey's page of the spectrum, or the file", "meta.ref.url"),
    "model": Column("Model: first digits of its card's SHA-256", "meta.checksum;meta.modelled"),
    "version": Column("Version of galspec_spark that classified", "meta.version;meta.software"),
    "run_id": Column("Run that classified", "meta.id"),
    "config_hash": Column("Hash of that run's configuration", "meta.checksum"),
}

_STORED = {field.name: field for field in [*CATALOG, *KEYS]}

#: The columns of the table ``catalog``, its partition columns and the keys included.
CATALOGUE = Columns(
    _CATALOG,
    pa.schema(_STORED.get(name, pa.field(name, pa.string(), False)) for name in _CATALOG),
)
#: Sort order of the rows: by position on the sky.
ORDER = ["healpix29", "spectrum_id", "model"]
