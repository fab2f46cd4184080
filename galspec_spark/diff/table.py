"""The table of a diff: schema, and a row for each spectrum that changed, vanished or appeared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pyarrow as pa

from galspec_spark.diff.causes import Found
from galspec_spark.diff.narrow import Pairs
from galspec_spark.diff.pixels import PixelChanges, Rows
from galspec_spark.labels import Classes
from galspec_spark.spectrum.arrays import Array
from galspec_spark.warehouse.columns import column, required
from galspec_spark.warehouse.fields import PROVENANCE, SURVEY
from galspec_spark.warehouse.schemas import SPECTRA

#: What a row may be, in the order of the table, and what each means.
KINDS = {
    "flipped": "in both releases, with another class",
    "changed": "in both releases, with the same class, but something else is different",
    "vanished": "in the old release only",
    "appeared": "in the new release only",
}
#: Columns of both releases, named old_z, new_z and so on: type, meaning, UCD. A label is a class.
VALUES: Mapping[str, tuple[pa.DataType, str, str]] = {
    "z": (pa.float64(), "Redshift", "src.redshift"),
    "class": (pa.string(), "Class", "src.class"),
    "probability": (pa.float64(), "Calibrated probability of AGN", "stat.probability"),
    "label": (pa.string(), "Label", "meta.code.class"),
    "reason": (pa.string(), "Why preprocess left it out", "meta.note"),
    "sn_median": (pa.float32(), "Median S/N", "stat.snr"),
}
#: ``kind`` is one of `KINDS`. ``causes`` are those of `galspec_spark.diff.causes` that hold, in
#: their order, and ``cause`` the first of them; null where a spectrum vanished or appeared.
#: ``masked`` is the share of the grid that is good in one release only; ``flux_chi2`` the mean
#: square and ``flux_largest`` the largest difference of the flux in units of its noise; null where
#: the pixels were not compared. ``scale`` is the new median flux over the old one,
#: ``line_change`` the largest change of the formula's lines beyond it, in sigma.
DIFF = pa.schema(
    [
        required("kind", pa.string(), "flipped, changed, vanished or appeared", "meta.code"),
        required("key", pa.string(), "Name of the spectrum in any release", "meta.id;obs"),
        SURVEY,
        column("old_id", pa.string(), "Spectrum of the old release", "meta.id;obs"),
        column("new_id", pa.string(), "Spectrum of the new release", "meta.id;obs"),
        *(SPECTRA.field(name) for name in ("plate", "mjd", "fiber", "field")),
        column("cause", pa.string(), "First cause of the change", "meta.code"),
        column("causes", pa.list_(pa.string()), "All causes, in their order", "meta.code"),
        *(
            column(f"{when}_{name}", kind, f"{what} in the {when} release", ucd)
            for name, (kind, what, ucd) in VALUES.items()
            for when in ("old", "new")
        ),
        column("masked", pa.float32(), "Share of pixels good in one release only", "stat.value"),
        column("flux_chi2", pa.float32(), "Mean square change of flux over noise", "stat.fit.chi2"),
        column("flux_largest", pa.float32(), "Largest change of a pixel in sigma", "stat.snr"),
        column("scale", pa.float32(), "New flux over the old", "phot.flux;arith.ratio"),
        column("line_change", pa.float32(), "Largest change of a line in sigma", "stat.snr"),
        *PROVENANCE,
    ]
)


def ordered(pairs: Pairs, found: Found, pixels: PixelChanges) -> Rows:
    """Return the pairs that differ: flips by the change of the probability, others by the flux."""
    rows = np.flatnonzero(found.changed)
    before, after = pairs.numbers("probability")
    step = np.nan_to_num(np.abs(after - before)[rows])
    chi2 = np.nan_to_num(pixels.chi2[rows])
    flipped = found.flipped[rows]
    size = np.where(flipped, step, chi2)
    return rows[np.lexsort([rows, -size, ~flipped])]


def diff_table(
    pairs: Pairs,
    rows: Rows,
    found: Found,
    pixels: PixelChanges,
    vanished: pa.Table,
    appeared: pa.Table,
    classes: Classes,
    provenance: Mapping[str, str],
) -> pa.Table:
    """Return the table: the given rows of the pairs, then what vanished and appeared."""
    causes = [found.names(row) for row in rows.tolist()]
    of_pairs: dict[str, object] = {
        "kind": np.where(found.flipped[rows], "flipped", "changed"),
        "cause": [names[0] for names in causes],
        "causes": causes,
        "masked": _or_null(pixels.masked[rows]),
        "flux_chi2": _or_null(pixels.chi2[rows]),
        "flux_largest": _or_null(pixels.largest[rows]),
        "scale": _or_null(pixels.scale[rows]),
        "line_change": _or_null(found.line_change[rows]),
    }
    old, new = (table.take(pa.array(rows)) for table in (pairs.old, pairs.new))
    named = partial(_of_release, classes=classes)
    # The new release's plate, fibre and key come last and count.
    return pa.concat_tables(
        [
            _table({**of_pairs, **named(old, "old"), **named(new, "new")}, len(rows), provenance),
            _table({"kind": "vanished", **named(vanished, "old")}, len(vanished), provenance),
            _table({"kind": "appeared", **named(appeared, "new")}, len(appeared), provenance),
        ]
    )


def _of_release(rows: pa.Table, when: str, classes: Classes) -> dict[str, object]:
    """Return the columns that one release gives."""
    label = pa.array(classes.names).take(rows["label"].combine_chunks())
    shared = {name: rows[name] for name in ("key", "survey", "plate", "mjd", "fiber", "field")}
    values = {f"{when}_{name}": rows[name] for name in VALUES if name != "label"}
    return {**shared, **values, f"{when}_label": label, f"{when}_id": rows["spectrum_id"]}


def _table(columns: Mapping[str, object], count: int, provenance: Mapping[str, str]) -> pa.Table:
    """Return rows of the schema: a text is of all of them, and a column that is not given null."""
    arrays = []
    for field in DIFF:
        value = {**columns, **provenance}.get(field.name)
        if value is None or isinstance(value, str):
            value = pa.repeat(pa.scalar(value, field.type), count)
        elif not isinstance(value, pa.Array | pa.ChunkedArray):
            value = pa.array(value, field.type)
        arrays.append(value.cast(field.type))
    return pa.table(arrays, schema=DIFF)


def _or_null(values: Array) -> pa.Array:
    return pa.array(values, from_pandas=True)
