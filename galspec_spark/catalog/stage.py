"""From the table ``restframe`` and a model to the table ``catalog``, a part for each part.

The name of a part of ``catalog`` says what it was made from: a look at the names tells which
predictions are current.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.catalog.contents import SUMMARISED, catalog_parts, summarise
from galspec_spark.config import ClassifyConfig
from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.ml.model.apply import Apply
from galspec_spark.ml.model.bundle import Bundle, load_bundle
from galspec_spark.preprocess.stage import read_mean_spectrum, read_recipe, recipe_of
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.parts import open_part, part_writer, partition_values
from galspec_spark.warehouse.schemas import CATALOG
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: Rows that are worked on at once, and how many such batches make a row group.
BATCH_ROWS, GROUP_BATCHES = 500, 40

log = logging.getLogger(__name__)


def classify(
    spark: SparkSession, run: Run, warehouse: Warehouse, model: Path, release: str | None
) -> dict[str, Any]:
    """Classify the spectra that have no current prediction by a model.

    A prediction is current while the part of ``restframe`` that it was made from, the model and the
    configuration of this job are the same. Others of the same model are replaced.

    Parameters
    ----------
    model
        Folder ``model/`` of a training run.
    release
        The data release to classify; None for all.

    Returns
    -------
    dict
        How many spectra were classified now, and counts of all in the catalogue: by class, by flag.

    Raises
    ------
    UserError
        If the table or the release is not there, the model cannot be used, or the table was made by
        another recipe than the model.
    """
    bundle = load_bundle(model)
    check_recipe(warehouse, bundle)
    parts = _parts_of(warehouse, release)
    with warehouse.writing(run.id) as staging:
        wanted = {_place(part, bundle.id, run.config.classify): part for part in parts}
        there = _catalogued(warehouse, wanted)
        todo = sorted(wanted.keys() - there.keys())
        spectra = sum(open_part(wanted[place]).metadata.num_rows for place in todo)
        moves: list[tuple[Location, str]] = []
        if todo:
            with spark_progress(spark, "classify", spectra, "spectra"):
                apply = Apply(
                    bundle,
                    refill=not is_filled_as(warehouse, bundle),
                    abstain=run.config.classify.abstain,
                )
                work = [(wanted[place], place) for place in todo]
                moves = _write(spark, apply, work, staging.folder, run.columns())
        else:
            log.info("all predictions by model %s are current: nothing to do", bundle.id)
        outdated = [part for place, part in there.items() if place not in wanted]
        if moves or outdated:
            warehouse.commit(staging, moves, remove=outdated)
    catalog = scan(spark, catalog_parts(warehouse, bundle.id, release), SUMMARISED)
    return {"model": bundle.id, "release": release, "classified": spectra, **summarise(catalog)}


def check_recipe(warehouse: Warehouse, bundle: Bundle) -> None:
    """Make sure that the spectra are what the model learned from.

    Raises
    ------
    UserError
        If ``restframe`` was made by another recipe.
    """
    there, learned = read_recipe(warehouse), recipe_of(bundle.card.recipe.preprocess)
    for key, value in learned.items():
        found = None if there is None else there.get(key)
        if found != value:
            raise UserError(
                f"the table restframe has preprocess.{key} {found}, the model learned from "
                f"{value}: preprocess with the model's configuration"
            )


def is_filled_as(warehouse: Warehouse, bundle: Bundle) -> bool:
    """Tell whether the gaps of ``restframe`` hold the spectrum that the model learned with."""
    fill = read_mean_spectrum(warehouse)
    return fill is not None and np.array_equal(fill, bundle.fill_spectrum)


def _parts_of(warehouse: Warehouse, release: str | None) -> list[Location]:
    parts = warehouse.existing_parts("restframe")
    releases = {partition_values(part)["release"] for part in parts}
    if release is not None and release not in releases:
        raise UserError(
            f"no release {release!r} in the table restframe of {warehouse.root}: it has "
            f"{', '.join(sorted(releases))}"
        )
    return [part for part in parts if release in (None, partition_values(part)["release"])]


def _place(part: Location, model: str, config: ClassifyConfig) -> str:
    """Return where in the warehouse the predictions for a part of ``restframe`` belong."""
    values = partition_values(part)
    settings = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:8]
    folder = f"catalog/survey={values['survey']}/release={values['release']}/model={model}"
    return f"{folder}/{part.name.removesuffix('.parquet')}.{settings}.parquet"


def _catalogued(warehouse: Warehouse, wanted: Iterable[str]) -> dict[str, Location]:
    """Return the parts of ``catalog`` in the folders of those wanted, by their places."""
    folders = {place.rpartition("/")[0] for place in wanted}
    places = {warehouse.place_of(part): part for part in warehouse.parts("catalog")}
    return {place: part for place, part in places.items() if place.rpartition("/")[0] in folders}


def _write(
    spark: SparkSession,
    apply: Apply,
    work: Sequence[tuple[Location, str]],
    staging: Location,
    provenance: dict[str, str],
) -> list[tuple[Location, str]]:
    """Classify parts, a task for each; return (staged, place) of those of successful attempts.

    Parameters
    ----------
    work
        Parts of ``restframe`` and where the predictions for them belong.
    """

    def write(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number in chain.from_iterable(batch["id"].to_pylist() for batch in numbers):
            part, place = work[number]
            staged = staging / os.urandom(4).hex() / place
            with part_writer(staged, CATALOG) as writer:
                spectra = open_part(part).iter_batches(BATCH_ROWS, columns=apply.columns)
                for rows in _in_groups(map(apply, spectra)):
                    writer.write_table(_with_constants(rows, provenance))
            yield pa.record_batch({"staged": [staged.path], "place": [place]})

    numbers = spark.range(0, len(work), 1, len(work))
    written = numbers.mapInArrow(write, "staged string, place string").collect()
    return [(Location(row.staged), row.place) for row in written]


def _in_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of the size of a row group."""
    while group := list(islice(batches, GROUP_BATCHES)):
        yield pa.Table.from_batches(group)


def _with_constants(rows: pa.Table, constants: dict[str, str]) -> pa.Table:
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(value, len(rows)))
    return rows.select(CATALOG.names).cast(CATALOG)
