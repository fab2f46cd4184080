"""Remove a release from all tables, as one change.

What its spectra taught stays: objects keep their names, and so their splits, also where the removed
spectra were the first of an object; and a model still knows the objects that it learned from.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.replace import Replaced, parts_with, without
from galspec_spark.preprocess.person_labels import PERSON, PersonLabels
from galspec_spark.preprocess.recipe import STATE, State, read_state
from galspec_spark.preprocess.renew import renew_sample, stage_sample
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.releases import BY_RELEASE, RELEASE, parts_of_release, release_names
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Staging, Warehouse

log = logging.getLogger(__name__)


def remove(run: Run, warehouse: Warehouse, release: str) -> dict[str, Any]:
    """Remove the rows of a release, and decide anew about the spectra that stay.

    Returns
    -------
    dict
        The ``release``, and how many rows of it each table had.

    Raises
    ------
    UserError
        If the warehouse has no such release, or another job is writing to it.
    """
    with warehouse.writing(run.id) as staging:
        gone = {table: parts_of_release(warehouse.parts(table), release) for table in BY_RELEASE}
        files = _without_files(run, warehouse, staging, release)
        if not (any(gone.values()) or files.remove):
            known = ", ".join(release_names(warehouse)) or "none"
            raise UserError(f"no release {release!r} in {warehouse.root}: it has {known}")
        rows = {table: sum(map(_rows, gone[table])) for table in BY_RELEASE}
        rows["files"] = sum(map(_rows, files.remove)) - sum(_rows(part) for part, _ in files.move)
        sample = _decided_anew(run, warehouse, staging, release)
        rows["sample"] = rows["restframe"] if sample.remove else 0
        removed = [part for table in gone.values() for part in table]
        warehouse.commit(
            staging, files.move + sample.move, [*removed, *files.remove, *sample.remove]
        )
        warehouse.forget_replaced()  # which may hold rows of the release
    in_words = ", ".join(f"{count:,} of {table}" for table, count in rows.items() if count)
    log.info("remove: rows of release %s removed: %s", release, in_words)
    return {"release": release, **{f"{table}_rows": count for table, count in rows.items()}}


def _release(part: Location) -> str:
    return partition_values(part)[RELEASE]


def _rows(part: Location) -> int:
    count: int = open_part(part).metadata.num_rows
    return count


def _without_files(run: Run, warehouse: Warehouse, staging: Staging, release: str) -> Replaced:
    """Stage the parts of ``files`` without the release."""
    names = pa.array([release])
    found = parts_with(names, warehouse.parts("files"), RELEASE)
    results = [
        without(
            number,
            parts=found,
            stale=names,
            root=warehouse.root,
            staging=staging.folder,
            run_id=run.id,
        )
        for number in range(len(found))
    ]
    return Replaced.of(found, results)


def _decided_anew(run: Run, warehouse: Warehouse, staging: Staging, release: str) -> Replaced:
    """Stage ``sample`` without the release, by the settings and labels that it was made with."""
    state = read_state(warehouse)
    restframe = {warehouse.place_of(part): part for part in warehouse.parts("restframe")}
    stay = {place: part for place, part in restframe.items() if _release(part) != release}
    if state is None or stay.keys() == restframe.keys():
        return Replaced()
    before = warehouse.parts("sample")
    if not stay:
        return Replaced([*before, warehouse.table("sample") / STATE])
    decided = renew_sample(run, warehouse, stay, set(stay), state, _labels(warehouse, state))
    return Replaced(before, stage_sample(run, staging, decided.rows, state))


def _labels(warehouse: Warehouse, state: State) -> PersonLabels:
    """Return a person's labels as ``sample`` has them; the file that they came from may be gone."""
    rows = read_sample(warehouse, ["spectrum_id", "label", "label_source"])
    rows = rows.filter(pc.fill_null(pc.equal(rows["label_source"], PERSON), False))
    rows = rows.group_by("spectrum_id").aggregate([("label", "min")]).sort_by("spectrum_id")
    return PersonLabels(
        "sample",
        ("sample",) * len(rows),
        rows["spectrum_id"].combine_chunks(),
        np.asarray(rows["label_min"].to_numpy(), np.int64),
    )
