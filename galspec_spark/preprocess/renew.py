"""Make the table ``sample`` anew, from its last version and the narrow columns of new parts."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from galspec_spark.harness.run import Run
from galspec_spark.preprocess.decide import Decided, decide
from galspec_spark.preprocess.person_labels import NO_LABELS, PersonLabels
from galspec_spark.preprocess.recipe import STATE, State
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.sample import write_sample
from galspec_spark.warehouse.sample_rows import sample_rows
from galspec_spark.warehouse.schemas import CATALOGUE, SAMPLE
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Staging, Warehouse

STORED = [field.name for field in CATALOGUE]
#: Columns of a row before anything is decided.
UNDECIDED = [*STORED, "survey", "release", "part"]
#: Columns of the last table that identify objects.
IDENTITY = ["spectrum_id", "object_id", "first_seen"]


def renew_sample(
    run: Run,
    warehouse: Warehouse,
    parts: Mapping[str, Location],
    kept: set[str],
    state: State,
    person: PersonLabels = NO_LABELS,
) -> Decided:
    """Decide about the spectra of all parts of ``restframe``.

    Parameters
    ----------
    parts
        Parts by their places, relative to the warehouse; some may still be staged.
    kept
        Places of the unchanged parts: the last ``sample`` has their narrow columns.
    person
        Labels that win over the survey's.
    """
    last = SAMPLE.empty_table()
    found: dict[str, pa.Table] = {}
    for sample in map(open_part, warehouse.parts("sample")):
        last = sample.read(list({*UNDECIDED, *IDENTITY}))
        first = 0
        for place, rows in sample_rows(sample).items():
            if place in kept:
                found[place] = last.slice(first, rows.count).select(UNDECIDED)
            first += rows.count
    tables = [found.get(place) or _undecided(place, parts[place]) for place in sorted(parts)]
    undecided = pa.concat_tables(tables).combine_chunks()
    return decide(undecided, last.select(IDENTITY), state.settings, person, run)


def stage_sample(
    run: Run, staging: Staging, rows: pa.Table, state: State
) -> list[tuple[Location, str]]:
    """Write the table and its state; return the moves to commit."""
    name = f"{run.id}.parquet"
    write_sample(staging.folder / name, rows)
    write_json(staging.folder / STATE, state.model_dump(mode="json"))
    return [(staging.folder / file, f"sample/{file}") for file in (name, STATE)]


def _undecided(place: str, part: Location) -> pa.Table:
    rows = open_part(part).read(STORED)
    values = {**partition_values(part), "part": place}
    for name in UNDECIDED[len(STORED) :]:
        rows = rows.append_column(name, pa.repeat(values[name], len(rows)))
    return rows.cast(pa.schema([SAMPLE.field(name) for name in UNDECIDED]))
