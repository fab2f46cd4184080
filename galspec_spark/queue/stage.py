"""The inspection queue of a catalogue: a table that a person reads, and fills in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.harness.run import Run, Summary
from galspec_spark.measure.schema import LINES
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.queue.candidates import ID, Candidates, scores_of
from galspec_spark.queue.priority import REASONS, Integers, leading, take_turns
from galspec_spark.warehouse.columns import column, required
from galspec_spark.warehouse.fields import (
    FILE,
    MODEL,
    PROVENANCE,
    RELEASE,
    SIMULATED,
    SPECTRUM_ID,
    SURVEY,
)
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.schemas import CATALOG
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

PARQUET, CSV = "queue.parquet", "queue.csv"
#: Digits behind the point of numbers in the CSV file.
DIGITS = 6
#: One row per spectrum, the most urgent first. ``label`` is empty, for a person to fill in: the
#: name of a class. ``why`` is one of `REASONS`; ``survey_label`` is the name of a class too, and
#: ``file`` is where the spectrum was read from. Others are columns of ``catalog`` and ``lines``.
QUEUE = pa.schema(
    [
        required("rank", pa.int32(), "Place in the queue; 1 is the most urgent", "meta.id"),
        SPECTRUM_ID,
        column("label", pa.string(), "Class, for a person to fill in", "meta.code.class"),
        required("why", pa.string(), "Why a label would teach the model much", "meta.note"),
        *(CATALOG.field(name) for name in ("class", "probability", "margin", "prediction_set")),
        column("survey_label", pa.string(), "Class by the survey, or a person", "meta.code.class"),
        *(LINES.field(name) for name in ("formula_subclass", "formula_survival")),
        column("flags", pa.string(), "Names of the warnings", "meta.code.qual"),
        *(CATALOG.field(name) for name in ("ra", "dec", "z", "sn_median", "object_id")),
        *(field.with_nullable(True) for field in (SURVEY, RELEASE, FILE, SIMULATED, MODEL)),
        *PROVENANCE,
    ]
)


def write_queue(
    run: Run, warehouse: Warehouse, bundle: Bundle, release: str | None, number: int, output: Path
) -> Summary:
    """Write the queue as ``queue.csv`` and ``queue.parquet``; see `inspection_queue`.

    Parameters
    ----------
    output
        Folder, which need not exist.

    Returns
    -------
    dict
        The file, and the number of spectra by reason.
    """
    queue = inspection_queue(run, warehouse, bundle, release, number)
    with part_writer(Location.of(output / PARQUET), QUEUE) as writer:
        writer.write_table(queue)
    content = pa.BufferOutputStream()
    pa_csv.write_csv(_rounded(queue), content, pa_csv.WriteOptions(quoting_style="needed"))
    Location.of(output / CSV).write(content.getvalue().to_pybytes())
    return {"queue": str(output / CSV), "reasons": reason_counts(queue)}


def read_queue(output: Path) -> pa.Table:
    """Read what `write_queue` wrote into a folder."""
    return open_part(Location.of(output / PARQUET)).read()


def reason_counts(queue: pa.Table) -> dict[str, int]:
    """Return the number of spectra of each reason."""
    reasons = queue["why"].to_pylist()
    return {reason: reasons.count(reason) for reason in REASONS}


def inspection_queue(
    run: Run, warehouse: Warehouse, bundle: Bundle, release: str | None, number: int
) -> pa.Table:
    """Return the spectra of a catalogue whose label would teach the model most.

    The driver reads narrow columns of a part at a time, and keeps the leading spectra of each
    reason. An object is in the queue once.

    Parameters
    ----------
    bundle
        The model that made the catalogue.
    release
        The data release; None for all.
    number
        Most spectra of the queue.

    Returns
    -------
    Table
        Rows of `QUEUE`.

    Raises
    ------
    UserError
        If there is no such catalogue, or other tables do not fit it.
    """
    parts = catalog_parts(warehouse, bundle.id, release)
    candidates = Candidates.of(warehouse, bundle.profile)
    kept = candidates.read(parts[0]).slice(0, 0)
    for part in parts:
        rows = pa.concat_tables([kept, candidates.read(part)]).sort_by(ID)
        objects, scores = _objects(rows), scores_of(rows)
        leaders = [leading(score, objects, number) for score in scores.T]
        kept = rows.take(np.unique(np.concatenate(leaders)))
    chosen, reasons = take_turns(scores_of(kept), _objects(kept), number)
    return _queue(kept.take(chosen), reasons, bundle, run)


def _objects(rows: pa.Table) -> Integers:
    codes = rows["object_id"].combine_chunks().dictionary_encode().indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), np.int64)


def _queue(rows: pa.Table, reasons: Integers, bundle: Bundle, run: Run) -> pa.Table:
    """Return the chosen rows, in their order, as people read them."""
    names = bundle.classes.names
    survey = pa.array([None if n is None else names[n] for n in rows["label"].to_pylist()])
    values = {
        **{name: rows[name] for name in rows.column_names},
        "rank": np.arange(1, len(rows) + 1),
        "label": pa.nulls(len(rows), pa.string()),
        "why": [[*REASONS][number] for number in reasons],
        "survey_label": survey,
        "flags": [_flag_names(flags) for flags in rows["flags"].to_pylist()],
        "model": pa.repeat(bundle.id, len(rows)),
        **{name: pa.repeat(value, len(rows)) for name, value in run.columns().items()},
    }
    return pa.table({name: values[name] for name in QUEUE.names}).cast(QUEUE)


def _flag_names(flags: int) -> str:
    return " ".join(name for name, bit in FLAG_BITS.items() if flags & (1 << bit))


def _rounded(queue: pa.Table) -> pa.Table:
    for number, field in enumerate(queue.schema):
        if pa.types.is_floating(field.type):
            queue = queue.set_column(number, field, pc.round(queue[field.name], DIGITS))
    return queue
