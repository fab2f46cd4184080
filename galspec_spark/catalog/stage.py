"""From rest-frame spectra and a model to the table ``catalog``, part by part.

The names of the parts alone tell which predictions are current (`galspec_spark.catalog.current`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.catalog.contents import catalog_parts, summarise
from galspec_spark.catalog.current import SETTINGS, Settings, predictions_place
from galspec_spark.catalog.recipe import check_recipe
from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.model.apply import KEPT, Apply
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.ml.model.training_objects import IDENTITY, TrainingObjects
from galspec_spark.warehouse.parts import open_part, part_writer, partition_values
from galspec_spark.warehouse.sample import Slice, read_slice, slices
from galspec_spark.warehouse.sample_rows import read_sample_rows
from galspec_spark.warehouse.schemas import CATALOG, CLASSES
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Batches that make a row group.
GROUP_BATCHES = 40

log = logging.getLogger(__name__)


class Work(NamedTuple):
    """A part to classify. What the model has seen comes as a byte a spectrum, not as names."""

    place: str  #: of the predictions, in the warehouse
    spectra: Slice
    is_training: npt.NDArray[np.bool_]  #: (rows,) whether the model learned from the object


def classify(
    spark: SparkSession, run: Run, warehouse: Warehouse, model: Path, release: str | None
) -> dict[str, Any]:
    """Classify the spectra that have no current prediction by a model.

    A prediction is current while the spectra, what is decided about them, the model and the
    configuration of this job are the same. Outdated predictions of the model are replaced.

    Parameters
    ----------
    model
        Folder ``model/`` of a training run.
    release
        The data release to classify; None for all.

    Returns
    -------
    dict
        Number of spectra classified now, and counts of all in the catalogue by class and flag.

    Raises
    ------
    UserError
        If a table or the release does not exist, the model cannot be used, or the spectra were
        moved by another recipe than the model's.
    """
    bundle = load_bundle(model)
    check_recipe(warehouse, bundle)
    if bundle.line_columns:
        warehouse.existing_parts("lines")
    settings = Settings(config=run.config.classify, reads_lines=bool(bundle.line_columns))
    with warehouse.writing(run.id) as staging:
        chosen = _slices(warehouse, release)
        wanted = {predictions_place(each, bundle.id, settings): each for each in chosen}
        existing = _catalogued(warehouse, wanted)
        missing = sorted(wanted.keys() - existing.keys())
        spectra = sum(open_part(wanted[place].part).metadata.num_rows for place in missing)
        moves: list[tuple[Location, str]] = []
        if missing:
            training = TrainingObjects.read(model)
            todo = [Work(place, wanted[place], _seen(training, wanted[place])) for place in missing]
            with spark_progress(spark, "classify", spectra, "spectra"):
                task = partial(
                    _write,
                    apply=Apply(bundle, run.config.classify.abstain),
                    settings=settings,
                    staging=staging.folder,
                    constants=run.columns(),
                )
                moves = run_tasks(spark, task, todo)
        else:
            log.info("classify: all predictions by model %s are current: nothing to do", bundle.id)
        outdated = [part for place, part in existing.items() if place not in wanted]
        if moves or outdated:
            warehouse.commit(staging, moves, remove=outdated)
    summary = summarise(catalog_parts(warehouse, bundle.id, release), bundle.classes)
    return {"model": bundle.id, "release": release, "classified": spectra, **summary}


def _slices(warehouse: Warehouse, release: str | None) -> list[Slice]:
    chosen = slices(warehouse, release=release)
    if not chosen:
        releases = {partition_values(each.part)["release"] for each in slices(warehouse)}
        raise UserError(
            f"no release {release!r} in the table restframe of {warehouse.root}: it has "
            f"{', '.join(sorted(releases))}"
        )
    return chosen


def _catalogued(warehouse: Warehouse, wanted: Iterable[str]) -> dict[str, Location]:
    """Return the existing parts in the folders of the wanted parts, by their places."""
    folders = {place.rpartition("/")[0] for place in wanted}
    places = {warehouse.place_of(part): part for part in warehouse.parts("catalog")}
    return {place: part for place, part in places.items() if place.rpartition("/")[0] in folders}


def _seen(training: TrainingObjects, spectra: Slice) -> npt.NDArray[np.bool_]:
    decided = read_sample_rows(open_part(spectra.sample), spectra.sample_rows, IDENTITY)
    return training.contain(decided)


def _write(
    work: Work, apply: Apply, settings: Settings, staging: Location, constants: dict[str, str]
) -> tuple[Location, str]:
    """Classify a part; return the staged part and its place."""
    staged = staging / os.urandom(4).hex() / work.place
    classes = "|".join(apply.bundle.classes.names)
    schema = CATALOG.with_metadata({CLASSES: classes, SETTINGS: settings.model_dump_json()})
    with part_writer(staged, schema) as writer:
        for rows in _in_groups(_classified(work, apply)):
            writer.write_table(_with_constants(rows, constants))
    return staged, work.place


def _classified(work: Work, apply: Apply) -> Iterator[pa.Table]:
    first = 0
    for spectra in read_slice(work.spectra, KEPT, apply.bundle.line_columns):
        end = first + len(spectra.rows)
        yield apply(spectra, work.is_training[first:end])
        first = end


def _in_groups(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables of the size of a row group."""
    while group := list(islice(batches, GROUP_BATCHES)):
        yield pa.concat_tables(group)


def _with_constants(rows: pa.Table, constants: dict[str, str]) -> pa.Table:
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(value, len(rows)))
    return rows.select(CATALOG.names).cast(CATALOG)
