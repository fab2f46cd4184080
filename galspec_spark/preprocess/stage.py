"""From the table ``spectra`` to ``restframe`` and ``sample``.

Each part of ``spectra`` is moved once, by a task that reads and writes Parquet itself. The
decisions about spectra are one narrow table over all releases. The driver makes it anew, from its
last version and the narrow columns of the new parts: no pixel of an older release is read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.preprocess.person_labels import read_labels
from galspec_spark.preprocess.pixels import Move
from galspec_spark.preprocess.recipe import Recipe, State, read_state
from galspec_spark.preprocess.renew import renew_sample, stage_sample
from galspec_spark.preprocess.summary import summarise
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.sample import sample_place
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Staging, Warehouse

log = logging.getLogger(__name__)


def preprocess(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, Any]:
    """Move the new spectra, and decide about all; do nothing if nothing changed.

    Returns
    -------
    dict
        Counts: spectra = selected + left out (by reason); labelled, of each split and fold;
        ``changed``: whether this run changed anything; if so, ``parts_moved`` and
        ``objects_joined``: objects that new spectra proved to be parts of others.

    Raises
    ------
    UserError
        If the table ``spectra`` does not exist, or none of its spectra can be used.
    ConfigError
        If ``preprocess.pixel_mask_reject`` names an unknown survey or bit, or the file of labels
        cannot be used.
    """
    config = run.config.preprocess
    person = read_labels(config.labels, config.label.classes)
    state = State.of(config, person.digest)
    with warehouse.writing(run.id) as staging:
        before = read_state(warehouse)
        sources = warehouse.counterparts("spectra", "restframe")
        existing = {warehouse.place_of(part): part for part in warehouse.parts("restframe")}
        is_same = before is not None and before.recipe == state.recipe
        kept = sources.keys() & existing.keys() if is_same else set()
        if before == state and kept == sources.keys() == existing.keys():
            log.info("preprocess: restframe and sample are up to date: nothing to do")
            rows = open_part(sample_place(warehouse)).read()
            return {**summarise(rows, state.settings), "changed": False}
        todo = {place: sources[place] for place in sorted(sources.keys() - kept)}
        # Where no part is gone, the last table has the names of all but the new ones.
        narrow = warehouse.parts("sample") if kept == existing.keys() else sources.values()
        person.check_known(warehouse, [*narrow, *todo.values()])
        if before is not None and before.labels and not state.labels:
            log.warning(
                "the labels that a person gave are no longer used: --labels FILE takes them again"
            )
        with spark_progress(spark, "preprocess, rest frame", len(todo), "parts"):
            moved = _move(spark, run, staging, state.recipe, todo)
        parts = {**{place: existing[place] for place in kept}, **moved}
        decided = renew_sample(run, warehouse, parts, set(kept), state, person)
        summary = summarise(decided.rows, state.settings)
        moves = [(part, place) for place, part in moved.items()]
        moves += stage_sample(run, staging, decided.rows, state)
        gone = [part for place, part in existing.items() if place not in parts]
        warehouse.commit(staging, moves, remove=[*gone, *warehouse.parts("sample")])
    counts = {"parts_moved": len(moved), "objects_joined": decided.joined}
    return {**summary, "changed": True, **counts}


def _move(
    spark: SparkSession,
    run: Run,
    staging: Staging,
    recipe: Recipe,
    sources: Mapping[str, Location],
) -> dict[str, Location]:
    """Move parts of ``spectra``, a task for each; return the staged parts by their places."""
    task = Move(recipe.normalise, staging.folder, run.columns())
    work = [
        (source, place, recipe.reject(partition_values(source)["survey"]))
        for place, source in sources.items()
    ]
    return {place: Location(staged) for staged, place in run_tasks(spark, task, work)}
