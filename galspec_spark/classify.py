"""From the table ``restframe`` and a model to the table ``catalog``, a part for each part.

The name of a part of ``catalog`` says what it was made from: a look at the names tells which
predictions are current.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.config import ClassifyConfig
from galspec_spark.errors import UserError
from galspec_spark.flags import FLAG_BITS
from galspec_spark.ml.apply import predicted
from galspec_spark.ml.bundle import Bundle, load_bundle
from galspec_spark.ml.evaluation import classification_scores
from galspec_spark.parts import open_part, part_writer, partition_values, scan
from galspec_spark.preprocess import read_mean_spectrum, read_recipe, recipe_of
from galspec_spark.progress import spark_progress
from galspec_spark.provenance import Run
from galspec_spark.schemas import CATALOG
from galspec_spark.storage import Location
from galspec_spark.tables import Warehouse

#: Columns of ``catalog`` that `summarise` needs.
SUMMARISED = ("class", "flags", "label", "margin")

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
    with warehouse.writing(run) as staging:
        wanted = {_place(part, bundle.id, run.config.classify): part for part in parts}
        there = _catalogued(warehouse, wanted)
        todo = sorted(wanted.keys() - there.keys())
        spectra = sum(open_part(wanted[place]).metadata.num_rows for place in todo)
        moves: list[tuple[Location, str]] = []
        if todo:
            with spark_progress(spark, "classify", spectra, "spectra"):
                rows = predicted(
                    spark,
                    [wanted[place] for place in todo],
                    bundle,
                    refill=not is_filled_as(warehouse, bundle),
                    abstain=run.config.classify.abstain,
                )
                moves = _write(rows, todo, staging.folder, run.columns())
        else:
            log.info("all predictions by model %s are current: nothing to do", bundle.id)
        outdated = [part for place, part in there.items() if place not in wanted]
        if moves or outdated:
            warehouse.commit(staging, moves, remove=outdated)
    catalog = scan(spark, catalog_parts(warehouse, bundle.id, release), SUMMARISED)
    return {"model": bundle.id, "release": release, "classified": spectra, **summarise(catalog)}


def read_catalog(
    spark: SparkSession, warehouse: Warehouse, model: str, release: str | None = None
) -> DataFrame:
    """Open the catalogue that one model made, of one release or of all.

    Raises
    ------
    UserError
        If there is none.
    """
    return scan(spark, catalog_parts(warehouse, model, release))


def catalog_parts(warehouse: Warehouse, model: str, release: str | None = None) -> list[Location]:
    """Return the parts of the catalogue that one model made, of one release or of all.

    Raises
    ------
    UserError
        If there is none.
    """
    values = {part: partition_values(part) for part in warehouse.existing_parts("catalog")}
    parts = [
        part
        for part, value in values.items()
        if value["model"] == model and release in (None, value["release"])
    ]
    if not parts:
        of = f" of release {release}" if release else ""
        raise UserError(
            f"no catalogue{of} by model {model} in {warehouse.root}: run jobs/classify.py"
        )
    return parts


def summarise(catalog: DataFrame) -> dict[str, Any]:
    """Count rows: in all, by class and by flag; and score them where the survey has a label.

    The scores are of all labelled spectra with pixels, those that abstain among them.

    Parameters
    ----------
    catalog
        The columns `SUMMARISED`; read once.
    """
    has_both = F.col("label").isNotNull() & F.col("margin").isNotNull()
    called = (F.col("margin") >= 0).cast("int")
    counts = (
        catalog.groupBy(
            "class", "flags", F.when(has_both, F.col("label") * 2 + called).alias("cell")
        )
        .count()
        .toPandas()
    )
    classes = counts.groupby("class")["count"].sum()
    bits = {name: (counts["flags"].to_numpy() >> bit) & 1 == 1 for name, bit in FLAG_BITS.items()}
    cells = [int(counts.loc[counts["cell"] == cell, "count"].sum()) for cell in range(4)]
    confusion = np.array(cells).reshape(2, 2)
    return {
        "spectra": int(counts["count"].sum()),
        "classes": {str(name): int(classes[name]) for name in sorted(classes.index)},
        "flags": {name: int(counts["count"][has].sum()) for name, has in bits.items()},
        "against_labels": {
            "spectra": sum(cells),
            "confusion": confusion.tolist(),
            **(classification_scores(confusion) if sum(cells) else {}),
        },
    }


def check_recipe(warehouse: Warehouse, bundle: Bundle) -> None:
    """Make sure that the spectra are what the model learned from.

    Raises
    ------
    UserError
        If ``restframe`` was made by another recipe.
    """
    there, learned = read_recipe(warehouse), recipe_of(bundle.card["recipe"]["preprocess"])
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
    rows: DataFrame, places: Sequence[str], staging: Location, provenance: dict[str, str]
) -> list[tuple[Location, str]]:
    """Write each partition as a part; return (staged, place) of those of successful attempts."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        assert context is not None
        place = places[context.partitionId()]
        staged = staging / os.urandom(4).hex() / place
        with part_writer(staged, CATALOG) as writer:
            for batch in batches:
                constants = {
                    name: pa.repeat(value, batch.num_rows) for name, value in provenance.items()
                }
                columns = [
                    constants[field.name]
                    if field.name in constants
                    else batch[field.name].cast(field.type)
                    for field in CATALOG
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=CATALOG))
        yield pa.record_batch({"staged": [staged.path], "place": [place]})

    written = rows.mapInArrow(write, "staged string, place string").collect()
    return [(Location(row.staged), row.place) for row in written]
