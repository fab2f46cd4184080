"""Arrow schemas of the warehouse's tables: how columns are stored, and what they are."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.spectrum.lines import LINES
from galspec_spark.warehouse.columns import Column, column, described, required
from galspec_spark.warehouse.fields import (
    CLASS,
    COVERAGE,
    DEC,
    DENSITY,
    FILE,
    HEALPIX29,
    LABEL,
    MEASURES,
    OBJECT_ID,
    QUALITY,
    RA,
    REASON,
    RELEASE,
    SIMULATED,
    SN_MEDIAN,
    SOURCE_TYPE,
    SPECTRUM_ID,
    SUBCLASS,
    SURVEY,
    ZWARNING,
    Z,
    of_line,
    provenance,
)

#: Names of what is kept of each line's fit.
LINE_MEASURES = tuple(MEASURES)

#: One row per observed spectrum; columns that a survey lacks are null. A null ``class`` marks an
#: unclassified spectrum, for example of a plate without its spZbest. Flux is in the survey's own
#: unit: 1e-17 erg/s/cm2/A for SDSS and DESI, relative for LAMOST; wavelengths are in vacuum.
#: ``field`` is the plan and spectrograph of LAMOST, the tile or healpix group of DESI, the field
#: of SDSS-V; ``target_id`` is DESI's TARGETID, SDSS-V's CATALOGID.
#: Folders survey=.../release=... hold the two partition columns.
SPECTRA = pa.schema(
    [
        SPECTRUM_ID,
        column("plate", pa.int32(), "Plate of SDSS", "meta.id;instr"),
        column(
            "mjd", pa.int32(), "Night of the observation: MJD, its whole part", "time.epoch", "d"
        ),
        column("fiber", pa.int32(), "Fibre of SDSS or LAMOST", "meta.id;instr"),
        column(
            "field",
            pa.string(),
            "Plan and spectrograph (LAMOST), group (DESI) or field (SDSS-V)",
            "meta.id;obs.field",
        ),
        column(
            "target_id", pa.int64(), "Target: DESI's TARGETID, SDSS-V's CATALOGID", "meta.id;src"
        ),
        column(
            "run2d", pa.string(), "Version of the survey's reduction", "meta.version;meta.software"
        ),
        column("object_id", pa.string(), "The survey's own name of the object", "meta.id;src"),
        SOURCE_TYPE,
        RA,
        DEC,
        HEALPIX29,
        Z,
        column("z_err", pa.float64(), "Error of z", "stat.error;src.redshift"),
        ZWARNING,
        CLASS,
        SUBCLASS,
        SN_MEDIAN,
        QUALITY,
        SIMULATED,
        required(
            "loglam0",
            pa.float64(),
            "log10 of the first wavelength in Angstrom; the next is 1e-4 more",
            "em.wl;stat.min",
        ),
        required("pixels", pa.int32(), "Number of pixels", "meta.number"),
        required(
            "flux",
            pa.list_(pa.float32()),
            "Flux density, as observed; of LAMOST, relative",
            "phot.flux.density;em.wl",
            DENSITY,
        ),
        required(
            "ivar",
            pa.list_(pa.float32()),
            "Inverse variance of the flux; 0 is no information",
            "stat.weight;phot.flux.density",
        ),
        column("and_mask", pa.list_(pa.int32()), "Bits that all exposures have", "meta.code.qual"),
        column("or_mask", pa.list_(pa.int32()), "Bits that an exposure has", "meta.code.qual"),
        *(
            described(pa.field(f"{line.name}_{name}", pa.float32()), of_line(line.name, meaning))
            for line in LINES
            for name, meaning in MEASURES.items()
        ),
        FILE,
        *provenance("read the file"),
    ]
)

#: One row per input file. A path that is not UTF-8 text is written as a ``file:`` URI. ``release``
#: is the one that the file was ingested under.
FILES = pa.schema(
    [
        required("path", pa.string(), "Path or address of the file", "meta.id;meta.file"),
        required("size", pa.int64(), "Size of the file", "meta.number;meta.file", "byte"),
        required(
            "mtime_ns", pa.int64(), "When the file was changed last, since 1970", "time.epoch", "ns"
        ),
        required(
            "status", pa.string(), "Whether it was read, quarantined or skipped", "meta.code.status"
        ),
        column(
            "format",
            pa.string(),
            "Kind of file, such as plate or spec",
            "meta.code.class;meta.file",
        ),
        column("reason", pa.string(), "Why it was not read: a word", "meta.code.error"),
        column("message", pa.string(), "Why it was not read: in full", "meta.note"),
        required("rows", pa.int32(), "Number of spectra read from it", "meta.number"),
        RELEASE,
        *provenance("looked at the file"),
    ]
)

#: Columns that `RESTFRAME` and `SAMPLE` share. ``survey_object_id`` is the column ``object_id`` of
#: ``spectra``. ``coverage`` is null without a usable redshift.
CATALOGUE = [
    SPECTRUM_ID,
    FILE,
    column("survey_object_id", pa.string(), "The survey's own name of the object", "meta.id;src"),
    SOURCE_TYPE,
    RA,
    DEC,
    HEALPIX29,
    Z,
    ZWARNING,
    CLASS,
    SUBCLASS,
    SN_MEDIAN,
    QUALITY,
    SIMULATED,
    COVERAGE,
    column("has_scale", pa.bool_(), "Whether the flux has a positive scale", "meta.code.qual"),
]

#: What is said of the pixels of `RESTFRAME`, and of exports of them.
PIXELS = {
    "flux": Column("Normalised flux at rest; 0 in gaps", "phot.flux.density;arith.ratio"),
    "ivar": Column("Inverse variance of the flux; 0 in gaps", "stat.weight;phot.flux.density"),
}
#: One row per row of ``spectra``, in the same order, in a part of the same name. Normalised flux
#: and its ivar on the grid, both 0 in gaps; null where no pixel is usable. Folders
#: survey=.../release=... hold the two partition columns.
RESTFRAME = pa.schema(
    [
        *CATALOGUE,
        *(
            described(pa.field(name, pa.list_(pa.float32())), meaning)
            for name, meaning in PIXELS.items()
        ),
        *provenance("moved the spectrum to rest"),
    ]
)

#: One row per row of ``restframe``, all releases in one part: the decisions about a spectrum.
#: The rows of a part of ``restframe`` are together, named by ``part`` relative to the
#: warehouse. ``split`` and ``fold`` are null for a spectrum that is left out, and without a label.
SAMPLE = pa.schema(
    [
        *CATALOGUE,
        SURVEY,
        RELEASE,
        required("part", pa.string(), "Part of the table restframe", "meta.id;meta.file"),
        required("first_seen", pa.string(), "Run that first decided about the spectrum", "meta.id"),
        OBJECT_ID.with_nullable(False),
        required("observations", pa.int32(), "Number of spectra of the object", "meta.number;obs"),
        required(
            "is_primary", pa.bool_(), "Whether it is the object's best spectrum", "meta.code.qual"
        ),
        LABEL,
        column("label_source", pa.string(), "Who gave the label: person or survey", "meta.note"),
        column("reason", pa.string(), "Why the spectrum is left out", "meta.note"),
        column("split", pa.string(), "Part of the experiment: train or test", "meta.code.class"),
        column("fold", pa.int32(), "Fold of cross-validation", "meta.code.class"),
        *provenance("decided"),
    ]
)

#: Key of a part's metadata: the names of the model's classes by label, joined by |.
CLASSES = "classes"
#: One row per row of ``restframe`` and model. `CLASSES` is in the metadata of each part. ``class``
#: is one of the model's, or abstain. Null where ``reason`` says why preprocess left the spectrum
#: out: ``probability``, ``margin``, ``prediction_set`` (joined by |), ``reconstruction_error`` and
#: ``features``. ``flags`` are the bits of `galspec_spark.warehouse.flags`. Folders
#: survey=.../release=.../model=... hold the partition columns.
CATALOG = pa.schema(
    [
        SPECTRUM_ID,
        OBJECT_ID,
        RA,
        DEC,
        HEALPIX29,
        Z,
        SN_MEDIAN,
        COVERAGE,
        LABEL,
        REASON,
        required(
            "class",
            pa.string(),
            "Class given by the model, such as AGN, or abstain",
            "src.class;meta.main",
        ),
        column(
            "probability",
            pa.float64(),
            "Calibrated probability that it is an AGN",
            "stat.probability;src.class",
        ),
        column(
            "margin",
            pa.float64(),
            "Probability less the model's threshold",
            "stat.probability;arith.diff",
        ),
        column(
            "prediction_set",
            pa.string(),
            "Classes not excluded at the model's level; empty if none is left",
            "src.class;meta.modelled",
        ),
        column(
            "reconstruction_error",
            pa.float32(),
            "Rms of the normalised flux less its reconstruction",
            "stat.fit.residual",
        ),
        required(
            "flags", pa.int32(), "Warnings: sum of the bits FLAG0, FLAG1, ...", "meta.code.qual"
        ),
        column(
            "features",
            pa.list_(pa.float32()),
            "Features that the classifier was given",
            "stat.fit.param",
        ),
        *provenance("classified"),
    ]
)
