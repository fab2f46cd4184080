"""A new model takes the place of the current one only where it is not worse."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.catalog.stage import check_recipe, is_filled_as
from galspec_spark.ml.evaluation.metrics import Record, Scores
from galspec_spark.ml.evaluation.significance import mcnemar, paired_counts
from galspec_spark.ml.model.apply import PREDICTED, Apply
from galspec_spark.ml.model.bundle import copy_bundle, load_bundle, model_id
from galspec_spark.train.earlier import PREDICTIONS, common_scores, read_metrics
from galspec_spark.warehouse.frames import map_parts, scan
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
        """Whether the new model has the lower F1 of the AGN class; undefined is the lowest."""
        return (self.new_scores.agn_f1 or 0.0) < (self.current_scores.agn_f1 or 0.0)


class Promotion(Record):
    """What became of a new model."""

    new: str  #: id of the new model
    promoted: bool
    contest: Contest | None  #: None where there was no current model


def promote(spark: SparkSession, warehouse: Warehouse, trained: Path, current: Path) -> Promotion:
    """Put a trained model in the place of the current one, unless it is worse.

    Both classify the test spectra of the new model, each at its own threshold. Worse is a lower F1
    of the AGN class. The current model may have learned from some of these spectra, which is to its
    advantage.

    Parameters
    ----------
    trained
        Output folder of the run of training that just ended.
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
    """Return one line that says what became of the new model, and why."""
    new, contest = promotion.new, promotion.contest
    if contest is None:
        return f"model {new} is the first: promoted"
    verdict = "promoted" if promotion.promoted else "not promoted"
    return (
        f"AGN F1 {contest.new_scores.agn_f1 or 0:.4f} of model {new}, "
        f"{contest.current_scores.agn_f1 or 0:.4f} of the current {contest.current} on the same "
        f"test objects: {verdict}"
    )


def _compare(spark: SparkSession, warehouse: Warehouse, trained: Path, current: Path) -> Contest:
    bundle = load_bundle(current)
    check_recipe(warehouse, bundle)
    apply = Apply(bundle, refill=not is_filled_as(warehouse, bundle), abstain=())
    parts = warehouse.existing_parts("restframe")
    schema = from_arrow_schema(PREDICTED)
    rows = map_parts(spark, parts, apply.columns, partial(map, apply), schema)
    called = F.when(F.col("margin").isNotNull(), (F.col("margin") >= 0).cast("double"))
    theirs = rows.select("spectrum_id", "label", called.alias("prediction"))
    ours = _called(spark, trained)
    counts = paired_counts(ours, theirs)
    return Contest(
        current=bundle.id,
        new_scores=common_scores(ours, theirs),
        current_scores=common_scores(theirs, ours),
        only_new_correct=counts.only_first,
        only_current_correct=counts.only_second,
        p_value=mcnemar(counts.only_first, counts.only_second),
    )


def _called(spark: SparkSession, trained: Path) -> DataFrame:
    """Return what the new model calls its test spectra."""
    best = read_metrics(Location.of(trained / "metrics.json")).best
    files = Location.of(trained / PREDICTIONS).files()
    parts = sorted(Location(status.path) for status in files)
    return scan(spark, parts).selectExpr("spectrum_id", "label", f"called_{best} prediction")
