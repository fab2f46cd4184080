"""From the table ``spectra`` to ``restframe``: select, label, split, shift, normalise, fill.

Spark decides on narrow rows (`selection`, `objects`). The pixels are moved by tasks that read and
write Parquet themselves, a part of ``spectra`` at a time (`pixels`), in three passes: the coverage
of each spectrum, which the selection needs; the mean spectrum of the training split, which fills
the gaps; and the table itself.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark import __version__
from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run, read_summaries
from galspec_spark.preprocess import pixels
from galspec_spark.preprocess.selection import (
    REASONS,
    draw_sample,
    label,
    reason_from_catalogue,
    split_and_folds,
)
from galspec_spark.preprocess.slices import slice_count
from galspec_spark.spectrum.grid import GRID_ID
from galspec_spark.warehouse.frames import scan, write_parts
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse

#: Files beside the Parquet parts of ``restframe``; Spark ignores names that begin with _.
MEAN_SPECTRUM, STATE = "_mean_spectrum.npy", "_state.json"

CATALOGUE = (
    "spectrum_id", "survey", "release", "source_type", "ra", "dec", "z", "zwarning", "class",
    "subclass", "sn_median", "quality", "file",
)  # fmt: skip
OBJECT_COLUMNS = ("spectrum_id", "file", "object_id")

log = logging.getLogger(__name__)


def preprocess(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, Any]:
    """Make the ``restframe`` table from all of ``spectra``; do nothing where it is up to date.

    Returns
    -------
    dict
        Counts: spectra = selected + left out (by reason); labelled, of each split and fold.

    Raises
    ------
    UserError
        If there is no ``spectra`` table, or none of its spectra can be used.
    """
    config = run.config.preprocess
    state = _state(warehouse, config)
    if _is_up_to_date(warehouse, state):
        log.info("restframe is up to date with spectra and the configuration: nothing to do")
        return dict(read_summaries(warehouse.root)["preprocess"])
    with warehouse.writing(run.id) as staging:
        scratch = staging.folder
        decided = decide(spark, warehouse, config, scratch)
        summary = summarise(scan(spark, decided), config)
        left_out = ", ".join(f"{n} {reason}" for reason, n in summary["left_out"].items())
        log.info("%d spectra are used; left out: %s", summary["selected"], left_out or "none")
        with spark_progress(spark, "mean spectrum", summary["selected"], "spectra"):
            mean = mean_spectrum(spark, decided, config, summary["train"] > 0)
        with spark_progress(spark, "rest frame", summary["selected"], "spectra"):
            parts = pixels.write(spark, decided, mean, config, scratch, run.columns())
        write_mean_spectrum(scratch / MEAN_SPECTRUM, mean)
        write_json(scratch / STATE, state)
        moves = [(Location(part.staged), part.place) for part in parts]
        moves += [(scratch / name, f"restframe/{name}") for name in (MEAN_SPECTRUM, STATE)]
        warehouse.commit(staging, moves, remove=warehouse.parts("restframe"))
    return summary


def decide(
    spark: SparkSession,
    warehouse: Warehouse,
    config: PreprocessConfig,
    scratch: Location,
) -> list[Location]:
    """Decide about each spectrum: object, label, coverage, split and fold, or why it is left out.

    Parameters
    ----------
    scratch
        Folder for the results.

    Returns
    -------
    list of Location
        Files of narrow rows, one per row of ``spectra``; a file for each slice that `pixels` made.
    """
    parts = warehouse.existing_parts("spectra")
    objects = scan(spark, warehouse.existing_parts("objects"), OBJECT_COLUMNS)
    slices = slice_count(spark, parts)  # asked once: a cluster may grow
    with spark_progress(spark, "coverage", len(parts), "parts"):
        measured = pixels.measure(spark, parts, slices, CATALOGUE, config, scratch / "measured")
    candidates = (
        scan(spark, measured)
        .join(objects, ["spectrum_id", "file"])
        .withColumn("label", label(config.label))
        .withColumn("reason", reason_from_catalogue(config))
        .withColumn("coverage", F.when(F.col("reason").isNull(), F.col("coverage")))
    )
    too_little = F.col("coverage") < config.coverage_min
    reason = (
        F.when(F.col("reason").isNotNull(), F.col("reason"))
        .when(too_little, "coverage")
        .when(~F.col("has_scale"), "normalise")
    )
    complete = candidates.withColumn("reason", reason)
    rows = split_and_folds(draw_sample(complete, config), config)
    return write_parts(rows.repartition(slices, pixels.SLICE), scratch / "decided", pixels.SLICE)


def summarise(rows: DataFrame, config: PreprocessConfig) -> dict[str, Any]:
    """Count what is used and what is left out.

    Raises
    ------
    UserError
        If nothing is used.
    """
    counts = rows.groupBy("reason", "split", "fold", "label").count().toPandas()
    left_out = {
        reason: int(counts.loc[counts["reason"] == reason, "count"].sum())
        for reason in REASONS
        if (counts["reason"] == reason).any()
    }
    used = counts[counts["reason"].isna()]
    if used.empty:
        why = ", ".join(f"{n} {reason} ({REASONS[reason]})" for reason, n in left_out.items())
        raise UserError(f"none of the spectra can be used: {why}")
    labelled = used[used["label"].notna()]
    agn = labelled[labelled["label"] == 1]

    def total(table: Any, column: str, value: object) -> int:
        return int(table.loc[table[column] == value, "count"].sum())

    folds = [
        {"fold": k, "spectra": total(labelled, "fold", k), "agn": total(agn, "fold", k)}
        for k in range(config.folds)
    ]
    if any(fold["agn"] in (0, fold["spectra"]) for fold in folds):
        log.warning(
            "a fold has one class only; use fewer folds (preprocess.folds=%d)", config.folds
        )
    if config.sample is not None and labelled["count"].sum() < config.sample:
        log.warning(
            "only %d of preprocess.sample=%d spectra can be drawn",
            labelled["count"].sum(),
            config.sample,
        )
    return {
        "spectra": int(counts["count"].sum()),
        "selected": int(used["count"].sum()),
        "left_out": left_out,
        "labelled": int(labelled["count"].sum()),
        "unlabelled": int(used["count"].sum() - labelled["count"].sum()),
        "objects": rows.where("split is not null").select("object_id").distinct().count(),
        "train": total(labelled, "split", "train"),
        "train_agn": total(agn, "split", "train"),
        "test": total(labelled, "split", "test"),
        "test_agn": total(agn, "split", "test"),
        "folds": folds,
        "grid": GRID_ID,
    }


def mean_spectrum(
    spark: SparkSession,
    decided: Sequence[Location],
    config: PreprocessConfig,
    has_training: bool,
) -> npt.NDArray[np.float32]:
    """Return the mean of the good pixels of the training split, or of all without one.

    A pixel that no spectrum covers gets the value between its covered neighbours.
    """
    members = pc.field("split") == "train" if has_training else pc.field("reason").is_null()
    total, count = pixels.sums(spark, decided, members, config)
    covered = count > 0
    position = np.arange(len(total))
    mean = np.interp(position, position[covered], total[covered] / count[covered])
    return mean.astype(np.float32)


def write_mean_spectrum(place: Location, mean: npt.NDArray[np.float32]) -> None:
    """Write the mean spectrum in numpy's format."""
    content = io.BytesIO()
    np.save(content, mean, allow_pickle=False)
    place.write(content.getvalue())


def read_mean_spectrum(warehouse: Warehouse) -> npt.NDArray[np.float32] | None:
    """Read the mean spectrum that fills the gaps of ``restframe``; None where it is not there."""
    place = warehouse.table("restframe") / MEAN_SPECTRUM
    if not place.exists():
        return None
    mean: npt.NDArray[np.float32] = np.load(io.BytesIO(place.read()), allow_pickle=False)
    return mean


def _state(warehouse: Warehouse, config: PreprocessConfig) -> dict[str, Any]:
    """Return what the table depends on."""
    parts = json.dumps([part.name for part in warehouse.parts("spectra")])
    settings = config.model_dump_json()
    return {
        "spectra": hashlib.sha256(parts.encode()).hexdigest(),
        "preprocess": hashlib.sha256(settings.encode()).hexdigest(),
        "grid": GRID_ID,
        "version": __version__,
        "recipe": recipe_of(config.model_dump(mode="json")),
    }


def recipe_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a recipe that a model's spectra have to share with those it learned."""
    return {key: config[key] for key in ("normalise", "pixel_mask_reject", "label")}


def read_recipe(warehouse: Warehouse) -> dict[str, Any] | None:
    """Return the `recipe_of` the table ``restframe``; None where it does not say."""
    place = warehouse.table("restframe") / STATE
    state = json.loads(place.read()) if place.exists() else {}
    recipe: dict[str, Any] | None = state.get("recipe")
    return recipe


def _is_up_to_date(warehouse: Warehouse, state: dict[str, Any]) -> bool:
    path = warehouse.table("restframe") / STATE
    done_before = path.exists() and "preprocess" in read_summaries(warehouse.root)
    return done_before and json.loads(path.read()) == state
