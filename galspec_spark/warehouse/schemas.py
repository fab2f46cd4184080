"""Arrow schemas of the warehouse's tables, and how their columns are stored."""

from __future__ import annotations

import pyarrow as pa

from galspec_spark.spectrum.lines import LINES

#: Measures kept of each line's fit; null where the line was not measured.
LINE_MEASURES = ("area", "area_err", "ew", "ew_err", "sigma", "sigma_err")

PROVENANCE = [
    pa.field("version", pa.string()),
    pa.field("run_id", pa.string()),
    pa.field("config_hash", pa.string()),
]

#: One row per observed spectrum; columns that a survey lacks are null. A null ``class`` marks an
#: unclassified spectrum, for example of a plate without its spZbest. Flux is in the survey's own
#: unit: 1e-17 erg/s/cm2/A for SDSS and DESI, relative for LAMOST; wavelengths are in vacuum.
#: ``field`` is the plan and spectrograph of LAMOST, the tile or healpix group of DESI, the field
#: of SDSS-V; ``target_id`` is DESI's TARGETID, SDSS-V's CATALOGID; ``healpix29`` is the nested
#: HEALPix pixel of order 29.
#: Folders survey=.../release=... hold the two partition columns.
SPECTRA = pa.schema(
    [
        pa.field("spectrum_id", pa.string(), nullable=False),
        pa.field("plate", pa.int32()),
        pa.field("mjd", pa.int32()),
        pa.field("fiber", pa.int32()),
        pa.field("field", pa.string()),
        pa.field("target_id", pa.int64()),
        pa.field("run2d", pa.string()),
        pa.field("object_id", pa.string()),
        pa.field("source_type", pa.string()),
        pa.field("ra", pa.float64()),
        pa.field("dec", pa.float64()),
        pa.field("healpix29", pa.int64()),
        pa.field("z", pa.float64()),
        pa.field("z_err", pa.float64()),
        pa.field("zwarning", pa.int32()),
        pa.field("class", pa.string()),
        pa.field("subclass", pa.string()),
        pa.field("sn_median", pa.float32()),
        pa.field("quality", pa.int32(), nullable=False),
        pa.field("loglam0", pa.float64(), nullable=False),
        pa.field("pixels", pa.int32(), nullable=False),
        pa.field("flux", pa.list_(pa.float32()), nullable=False),
        pa.field("ivar", pa.list_(pa.float32()), nullable=False),
        pa.field("and_mask", pa.list_(pa.int32())),
        pa.field("or_mask", pa.list_(pa.int32())),
        *(pa.field(f"{line.name}_{m}", pa.float32()) for line in LINES for m in LINE_MEASURES),
        pa.field("file", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

#: One row per input file. A path that is not UTF-8 text is written as a ``file:`` URI. ``release``
#: is the one that the file was ingested under.
FILES = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("format", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("message", pa.string()),
        pa.field("rows", pa.int32(), nullable=False),
        pa.field("release", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

#: Columns that `RESTFRAME` and `SAMPLE` share. ``survey_object_id`` is the survey's own name
#: of the object, the column ``object_id`` of ``spectra``. ``coverage`` is the share of the grid
#: that carries information, null without a usable redshift. ``has_scale`` tells whether the flux
#: has a positive scale to divide by.
CATALOGUE = [
    pa.field("spectrum_id", pa.string(), nullable=False),
    pa.field("file", pa.string(), nullable=False),
    pa.field("survey_object_id", pa.string()),
    pa.field("source_type", pa.string()),
    pa.field("ra", pa.float64()),
    pa.field("dec", pa.float64()),
    pa.field("healpix29", pa.int64()),
    pa.field("z", pa.float64()),
    pa.field("zwarning", pa.int32()),
    pa.field("class", pa.string()),
    pa.field("subclass", pa.string()),
    pa.field("sn_median", pa.float32()),
    pa.field("quality", pa.int32(), nullable=False),
    pa.field("coverage", pa.float32()),
    pa.field("has_scale", pa.bool_()),
]

#: One row per row of ``spectra``, in the same order, in a part of the same name. Normalised flux
#: and its ivar on the grid, both 0 in gaps; null where no pixel is usable. Folders
#: survey=.../release=... hold the two partition columns.
RESTFRAME = pa.schema(
    [
        *CATALOGUE,
        pa.field("flux", pa.list_(pa.float32())),
        pa.field("ivar", pa.list_(pa.float32())),
        *PROVENANCE,
    ]
)

#: One row per row of ``restframe``, all releases in one part: the decisions about a spectrum.
#: The rows of a part of ``restframe`` are together, named by ``part`` relative to the
#: warehouse. ``object_id`` is the lasting identity of the object, ``first_seen`` the run that
#: first decided about the spectrum. ``label_source`` is person or survey. ``reason`` says why a
#: spectrum is left out; ``split`` and ``fold`` are null for such a spectrum, and without a label.
SAMPLE = pa.schema(
    [
        *CATALOGUE,
        pa.field("survey", pa.string(), nullable=False),
        pa.field("release", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("first_seen", pa.string(), nullable=False),
        pa.field("object_id", pa.string(), nullable=False),
        pa.field("observations", pa.int32(), nullable=False),
        pa.field("is_primary", pa.bool_(), nullable=False),
        pa.field("label", pa.int32()),
        pa.field("label_source", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("split", pa.string()),
        pa.field("fold", pa.int32()),
        *PROVENANCE,
    ]
)

#: Key of a part's metadata: the names of the model's classes by label, joined by |.
CLASSES = "classes"
#: One row per row of ``restframe`` and model. `CLASSES` is in the metadata of each part. ``class``
#: is one of the model's, or abstain. Null where ``reason`` says why preprocess left the spectrum
#: out: ``probability`` (of AGN, calibrated), ``margin`` (probability less the model's threshold),
#: ``prediction_set`` (the classes that are not excluded at the model's level, joined by |),
#: ``reconstruction_error`` (rms of the normalised flux less its reconstruction) and ``features``.
#: ``flags`` are the bits of `galspec_spark.warehouse.flags`. Folders
#: survey=.../release=.../model=... hold the partition columns.
CATALOG = pa.schema(
    [
        pa.field("spectrum_id", pa.string(), nullable=False),
        pa.field("object_id", pa.string()),
        pa.field("ra", pa.float64()),
        pa.field("dec", pa.float64()),
        pa.field("healpix29", pa.int64()),
        pa.field("z", pa.float64()),
        pa.field("sn_median", pa.float32()),
        pa.field("coverage", pa.float32()),
        pa.field("label", pa.int32()),
        pa.field("reason", pa.string()),
        pa.field("class", pa.string(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("margin", pa.float64()),
        pa.field("prediction_set", pa.string()),
        pa.field("reconstruction_error", pa.float32()),
        pa.field("flags", pa.int32(), nullable=False),
        pa.field("features", pa.list_(pa.float32())),
        *PROVENANCE,
    ]
)
