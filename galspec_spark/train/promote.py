"""A new model takes the place of the current one only where it is not worse."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.recipe import check_recipe
from galspec_spark.harness.tasks import shares
from galspec_spark.ml.evaluation.scores import classification_scores, confusion
from galspec_spark.ml.evaluation.significance import mcnemar, paired_counts
from galspec_spark.ml.model.apply import KEPT, PREDICTED, Apply
from galspec_spark.ml.model.bundle import copy_bundle, load_bundle, model_id
from galspec_spark.train.earlier import PREDICTIONS
from galspec_spark.warehouse.frames import frame_of_tasks, scan
from galspec_spark.warehouse.sample import Slice, read_slice, slices
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

SCORES = ("agn_precision", "agn_recall", "agn_f1", "mcc")

log = logging.getLogger(__name__)


def promote(
    spark: SparkSession, warehouse: Warehouse, trained: Path, current: Path
) -> dict[str, Any]:
    """Put a trained model in the place of the current one, unless it is worse.

    Both classify the test spectra of the new model, each by its own threshold. Worse is a lower F1
    of the AGN class. The current model may have learned from some of these spectra, which is to its
    advantage.

    Parameters
    ----------
    trained
        Output folder of the run of training that just ended.
    current
        Model folder that releases are classified with; it need not exist yet.

    Returns
    -------
    dict
        ``promoted``; the ids of the models; with a current one the scores of both, how many spectra
        only one of them is right about, and McNemar's p-value.

    Raises
    ------
    UserError
        If the current model cannot be used on these spectra.
    """
    found: dict[str, Any] = {"new": model_id(trained / "model"), "current": None, "promoted": True}
    if current.exists():
        found |= _compare(spark, warehouse, trained, current)
        found["promoted"] = found["scores"]["new"]["agn_f1"] >= found["scores"]["current"]["agn_f1"]
    if found["promoted"]:
        copy_bundle(trained / "model", current)
    log.info("%s is %s", current, "the new model" if found["promoted"] else "the model it was")
    return found


def promotion_text(found: dict[str, Any]) -> str:
    """Return one line that says what became of the new model, and why."""
    if found["current"] is None:
        return f"model {found['new']} is the first: promoted"
    f1 = {name: scores["agn_f1"] for name, scores in found["scores"].items()}
    verdict = "promoted" if found["promoted"] else "not promoted"
    return (
        f"AGN F1 {f1['new']:.4f} of model {found['new']}, {f1['current']:.4f} of the current "
        f"{found['current']} on the same test objects: {verdict}"
    )


def _compare(
    spark: SparkSession, warehouse: Warehouse, trained: Path, current: Path
) -> dict[str, Any]:
    bundle = load_bundle(current)
    check_recipe(warehouse, bundle)
    apply = Apply(bundle, abstain=())
    cores = spark.sparkContext.defaultParallelism

    def classified(task: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
        for part in task:
            for spectra in read_slice(part, KEPT, labelled=True):
                yield from apply(spectra).to_batches()

    tasks = shares(slices(warehouse, cores), cores)
    rows = frame_of_tasks(spark, classified, tasks, from_arrow_schema(PREDICTED))
    called = F.when(F.col("margin").isNotNull(), (F.col("margin") >= 0).cast("double"))
    theirs = rows.select("spectrum_id", "label", called.alias("prediction"))
    ours = _called(spark, trained)
    counts = paired_counts(ours, theirs)
    return {
        "current": bundle.id,
        "scores": {
            "new": _scores(ours.join(theirs.select("spectrum_id"), "spectrum_id")),
            "current": _scores(theirs.join(ours.select("spectrum_id"), "spectrum_id")),
        },
        "only_new_correct": counts.only_first,
        "only_current_correct": counts.only_second,
        "p_value": mcnemar(counts.only_first, counts.only_second),
    }


def _called(spark: SparkSession, trained: Path) -> DataFrame:
    """Return what the new model calls its test spectra."""
    best = json.loads((trained / "metrics.json").read_text())["best"]
    files = Location.of(trained / PREDICTIONS).files()
    parts = sorted(Location(status.path) for status in files)
    return scan(spark, parts).selectExpr("spectrum_id", "label", f"called_{best} prediction")


def _scores(predictions: DataFrame) -> dict[str, float]:
    found = classification_scores(confusion(predictions))
    return {name: found[name] or 0.0 for name in SCORES}
