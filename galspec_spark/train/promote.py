"""A new model takes the place of the current one only where it is not worse."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.recipe import check_recipe
from galspec_spark.harness.tasks import shares
from galspec_spark.labels import Counts
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.ml.evaluation.significance import compare_predictions
from galspec_spark.ml.model.apply import KEPT, PREDICTED, Apply
from galspec_spark.ml.model.bundle import copy_bundle, load_bundle, model_id
from galspec_spark.train.earlier import read_decisions
from galspec_spark.warehouse.frames import frame_of_tasks
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
    best = json.loads((trained / "metrics.json").read_text())["best"]
    common = compare_predictions(
        read_decisions(Location.of(trained), f"called_{best}"),
        _called(rows.select("spectrum_id", "label", "margin").toArrow()),
    )
    return {
        "current": bundle.id,
        "scores": {"new": _scores(common.first), "current": _scores(common.second)},
        "only_new_correct": common.counts.only_first,
        "only_current_correct": common.counts.only_second,
        "p_value": common.counts.p_value,
    }


def _called(rows: pa.Table) -> pa.Table:
    """Return what a model calls spectra, given their margins."""
    called = pc.greater_equal(rows["margin"], 0.0).cast(pa.int8())
    return rows.drop_columns("margin").append_column("prediction", called)


def _scores(counts: Counts) -> dict[str, float]:
    found = classification_scores(counts)
    return {name: found[name] or 0.0 for name in SCORES}
