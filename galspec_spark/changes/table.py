"""The table of pairs: schema, and its rows of what was compared."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.changes.compare import COMPARED, Changes, candidates, compare
from galspec_spark.changes.repeats import Pairs, observations
from galspec_spark.config import ChangesConfig
from galspec_spark.labels import AGN, Classes
from galspec_spark.spectrum.arrays import Array
from galspec_spark.warehouse.columns import column, required
from galspec_spark.warehouse.fields import OBJECT_ID, PROVENANCE, SURVEY

#: Lines whose changes have columns.
SHOWN_LINES = ("h_alpha", "h_beta", "oiii_5007", "nii_6583")
#: One row a pair, the earlier observation first; candidates first, then by the largest change.
#: ``scale`` is the second flux over the first, ``lines`` how many lines were compared: 0 where the
#: places are more than 1 arcsec apart, the redshifts differ, or the continuum is too faint for a
#: scale. ``largest_change`` and those of lines are in sigma (`galspec_spark.changes.compare`),
#: positive where the line grew beyond the scale; ``margin_change`` is positive towards AGN. A label
#: is a class or null; formula and margin are those of the table ``lines``. A candidate has a
#: line that changed (``by_line``), or a class by formula (``by_class``), beyond their errors.
CHANGES = pa.schema(
    [
        OBJECT_ID.with_nullable(False),
        SURVEY,
        required("first_id", pa.string(), "Spectrum of the earlier observation", "meta.id;obs"),
        required("second_id", pa.string(), "Spectrum of the later observation", "meta.id;obs"),
        column("first_mjd", pa.int32(), "MJD of the earlier observation", "time.epoch", "d"),
        column("second_mjd", pa.int32(), "MJD of the later observation", "time.epoch", "d"),
        column("days", pa.int32(), "Days between the observations", "time.interval", "d"),
        column("arcsec", pa.float32(), "Distance of the positions", "pos.angDistance", "arcsec"),
        column("first_label", pa.string(), "Label of the earlier spectrum", "meta.code.class"),
        column("second_label", pa.string(), "Label of the later spectrum", "meta.code.class"),
        column("first_formula", pa.string(), "Class of the earlier by the formula", "src.class"),
        column("second_formula", pa.string(), "Class of the later by the formula", "src.class"),
        column("first_margin", pa.float32(), "Formula's margin of the earlier", "stat.snr"),
        column("second_margin", pa.float32(), "Formula's margin of the later", "stat.snr"),
        column(
            "margin_change", pa.float32(), "Change of the margin in sigma, > 0 to AGN", "stat.snr"
        ),
        column("scale", pa.float32(), "The later flux over the earlier", "phot.flux;arith.ratio"),
        required("lines", pa.int32(), "Number of lines that were compared", "meta.number"),
        column("largest_change", pa.float32(), "Largest change of a line in sigma", "stat.snr"),
        column("largest_line", pa.string(), "Line that changed most", "meta.id;spect.line"),
        *(
            column(
                f"{line}_change",
                pa.float32(),
                f"{line}: change in sigma beyond the scale",
                "stat.snr;spect.line",
            )
            for line in SHOWN_LINES
        ),
        required("by_line", pa.bool_(), "Whether a line changed", "meta.code.qual"),
        required("by_class", pa.bool_(), "Whether the formula's class changed", "meta.code.qual"),
        required("is_candidate", pa.bool_(), "Whether either did", "meta.code.qual"),
        *PROVENANCE,
    ]
)
#: Pairs compared at once.
BATCH_PAIRS = 50_000


def changes_table(
    repeats: pa.Table,
    pairs: Pairs,
    config: ChangesConfig,
    classes: Classes,
    provenance: dict[str, str],
) -> pa.Table:
    """Compare pairs, some at a time; return the rows."""
    parts = [CHANGES.empty_table()]
    for start in range(0, len(pairs.first), BATCH_PAIRS):
        chunk = slice(start, start + BATCH_PAIRS)
        some = Pairs(*(values[chunk] for values in vars(pairs).values()))
        parts.append(_compared(repeats, some, config, classes, provenance))
    rows = pa.concat_tables(parts)
    size = pc.fill_null(pc.abs(rows["largest_change"]), -1)
    order = [("is_candidate", "descending"), ("size", "descending")]
    order += [("first_id", "ascending"), ("second_id", "ascending")]
    return rows.take(pc.sort_indices(rows.append_column("size", size), order))


def _compared(
    repeats: pa.Table,
    pairs: Pairs,
    config: ChangesConfig,
    classes: Classes,
    provenance: dict[str, str],
) -> pa.Table:
    before, after = observations(repeats, pairs.first), observations(repeats, pairs.second)
    found = compare(before, after, config)
    for values in vars(found).values():
        values[~pairs.comparable] = np.nan
    first, second = (repeats.take(pa.array(rows)) for rows in (pairs.first, pairs.second))
    is_agn = [pc.equal(pc.fill_null(t["formula_subclass"], ""), AGN) for t in (first, second)]
    by_line, by_class = candidates(found, pc.xor(*is_agn).to_numpy(), config.sigma)
    columns: dict[str, object] = {
        "object_id": first["object_id"],
        "survey": first["survey"],
        "days": pc.subtract(second["mjd"], first["mjd"]),
        "arcsec": _or_null(pairs.arcsec),
        "margin_change": _or_null(found.margin_change),
        "scale": _or_null(found.scale),
        **_of_lines(found),
        "by_line": by_line,
        "by_class": by_class,
        "is_candidate": by_line | by_class,
    }
    for name, rows in (("first", first), ("second", second)):
        columns |= {
            f"{name}_id": rows["spectrum_id"],
            f"{name}_mjd": rows["mjd"],
            f"{name}_label": pa.array(classes.names).take(rows["label"].combine_chunks()),
            f"{name}_formula": rows["formula_subclass"],
            f"{name}_margin": rows["formula_margin"],
        }
    columns |= {name: pa.repeat(value, len(first)) for name, value in provenance.items()}
    return pa.table([columns[name] for name in CHANGES.names], CHANGES.names).cast(CHANGES)


def _of_lines(found: Changes) -> dict[str, object]:
    known = np.isfinite(found.change)
    largest = np.where(known, np.abs(found.change), -1).argmax(axis=1)
    names = pa.array(COMPARED).take(pa.array(largest))
    return {
        "lines": known.sum(axis=1),
        "largest_change": _or_null(found.change[np.arange(len(largest)), largest]),
        "largest_line": pc.if_else(pa.array(known.any(axis=1)), names, None),
        **{
            f"{name}_change": _or_null(found.change[:, COMPARED.index(name)])
            for name in SHOWN_LINES
        },
    }


def _or_null(values: Array) -> pa.Array:
    return pa.array(values, from_pandas=True)
