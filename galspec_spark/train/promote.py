"""Promotion: a new model replaces the current model unless it is worse."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.recipe import check_recipe
from galspec_spark.harness.tasks import shares
from galspec_spark.labels import Classes, Counts
from galspec_spark.ml.evaluation.metrics import Scores
from galspec_spark.ml.evaluation.record import Record
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.ml.evaluation.significance import compare_predictions
from galspec_spark.ml.model.apply import KEPT, PREDICTED, Apply
from galspec_spark.ml.model.bundle import load_bundle, model_id
from galspec_spark.ml.model.write import copy_bundle
from galspec_spark.train.earlier import read_decisions, read_metrics
from galspec_spark.warehouse.frames import frame_of_tasks
from galspec_spark.warehouse.sample import Slice, read_slice, slices
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

log = logging.getLogger(__name__)


class Contest(Record):
    """Two models on the test spectra of the new one, each at its own threshold."""

    current: str  #: id of the current model
    new_scores: Scores
    current_scores: Scores
    only_new_correct: int
    only_current_correct: int
    p_value: float  #: McNemar's, of two equally good models

    @property
    def is_worse(self) -> bool:
        """Whether the new model has the lower F1 of the AGN class; undefined counts as 0."""
        return (self.new_scores.agn_f1 or 0.0) < (self.current_scores.agn_f1 or 0.0)


class Promotion(Record):
    """The decision on a new model."""

    new: str  #: id of the new model
    promoted: bool
    contest: Contest | None  #: None without a current model


def promote(spark: SparkSession, warehouse: Warehouse, trained: Path, current: Path) -> Promotion:
    """Replace the current model with a trained model, unless the trained model is worse.

    Both classify the test spectra of the new model, each at its own threshold. Worse means a lower
    F1 of the AGN class. The current model may have learned from some of these spectra, which gives
    it an advantage.

    Parameters
    ----------
    trained
        Output folder of the training run that just ended.
    current
        Model folder that releases are classified with; it need not exist yet.

    Raises
    ------
    UserError
        If the current model cannot be used on these spectra.
    """
    contest = _compare(spark, warehouse, trained, current) if current.exists() else None
    is_better = contest is None or not contest.is_worse
    promotion = Promotion(new=model_id(trained / "model"), promoted=is_better, contest=contest)
    if promotion.promoted:
        copy_bundle(trained / "model", current)
    log.info("%s: %s", current, promotion_text(promotion))
    return promotion


def promotion_text(promotion: Promotion) -> str:
    """Return a line with the decision on the new model, and the reason."""
    new, contest = promotion.new, promotion.contest
    if contest is None:
        return f"model {new} is the first: promoted"
    verdict = "promoted" if promotion.promoted else "not promoted"
    return (
        f"AGN F1 {contest.new_scores.agn_f1 or 0:.3f} of model {new}, "
        f"{contest.current_scores.agn_f1 or 0:.3f} of the current {contest.current} on the same "
        f"test objects: {verdict}"
    )


def _compare(spark: SparkSession, warehouse: Warehouse, trained: Path, current: Path) -> Contest:
    bundle = load_bundle(current)
    check_recipe(warehouse, bundle)
    apply = Apply(bundle, abstain=())
    line_columns = bundle.line_columns
    cores = spark.sparkContext.defaultParallelism

    def classified(task: Sequence[Slice]) -> Iterator[pa.RecordBatch]:
        for part in task:
            for spectra in read_slice(part, KEPT, line_columns, labelled=True):
                not_asked = np.zeros(len(spectra.rows), np.bool_)  # flags play no part
                yield from apply(spectra, not_asked).to_batches()

    tasks = shares(slices(warehouse, cores), cores)
    rows = frame_of_tasks(spark, classified, tasks, from_arrow_schema(PREDICTED))
    best = read_metrics(Location.of(trained / "metrics.json")).best_result
    common = compare_predictions(
        read_decisions(Location.of(trained), best, "called"),
        _called(rows.select("spectrum_id", "label", "class").toArrow(), bundle.classes),
        len(bundle.classes),
    )
    return Contest(
        current=bundle.id,
        new_scores=_scores(common.first),
        current_scores=_scores(common.second),
        only_new_correct=common.counts.only_first,
        only_current_correct=common.counts.only_second,
        p_value=common.counts.p_value,
    )


def _called(rows: pa.Table, classes: Classes) -> pa.Table:
    """Return a model's predictions as labels, given the classes of spectra without abstaining."""
    called = pc.index_in(rows["class"], pa.array(classes.names)).cast(pa.int8())
    return rows.drop_columns("class").append_column("prediction", called)


def _scores(counts: Counts) -> Scores:
    return Scores.model_validate(classification_scores(counts))
