"""Two runs' models side by side, on the test spectra that both predicted."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from galspec_spark.errors import UserError
from galspec_spark.labels import Classes
from galspec_spark.ml.evaluation.metrics import Metrics, Result, Scores
from galspec_spark.ml.evaluation.record import Record
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.ml.evaluation.significance import compare_predictions
from galspec_spark.warehouse.parts import Part, open_part
from galspec_spark.warehouse.records import read_json
from galspec_spark.warehouse.storage import Location

PREDICTIONS = "predictions"
#: Columns of the predictions that name a classifier, as its entry in ``results`` does.
NAMES = ("classifier", "kind", "features")
#: Scores in the table of `comparison_text`.
SCORES = ("precision", "recall", "f1", "agn_precision", "agn_recall", "agn_f1", "mcc")


class Models(Record):
    """Classifier and set of features of each run's best model."""

    this: str
    earlier: str


class PairOfScores(Record):
    """Scores of each run's best model on the common test spectra."""

    this: Scores
    earlier: Scores


class Correct(Record):
    """How many common test spectra are classified correctly."""

    both: int
    only_this: int
    only_earlier: int
    neither: int


class Comparison(Record):
    """The best models of two runs on their common test spectra: ``comparison.json``."""

    run: str = Field(description="folder of the earlier run")
    run_id: str = Field(description="of the earlier run")
    models: Models
    spectra: int
    scores: PairOfScores
    correct: Correct
    p_value: float = Field(description="McNemar's, of two equally good models")


@dataclass(frozen=True)
class EarlierRun:
    """The output folder of an earlier training run."""

    folder: Location
    metrics: Metrics

    @classmethod
    def open(cls, folder: str, classes: Classes) -> EarlierRun:
        """Open the output folder of a run, before the work begins.

        Parameters
        ----------
        classes
            Those of the run that it is compared with.

        Raises
        ------
        UserError
            If the folder lacks the metrics or predictions of a run, or the run has other classes.
        """
        place = Location.of(folder)
        files = {name: place / name for name in ("metrics.json", PREDICTIONS)}
        missing = [name for name, path in files.items() if not path.exists()]
        if missing:
            raise UserError(
                f"cannot compare with {folder}: it has no {missing[0]}; name the --output folder "
                "of an earlier run of galspec train"
            )
        metrics = read_metrics(files["metrics.json"])
        if metrics.classes != classes.names:
            raise UserError(
                f"cannot compare with {folder}: its classes are {', '.join(metrics.classes)}, "
                f"those of this run {', '.join(classes.names)}"
            )
        return cls(place, metrics)

    def compare(self, metrics: Metrics, predictions: pa.Table) -> Comparison:
        """Compare the best models of both runs on their common test spectra.

        Parameters
        ----------
        metrics, predictions
            From this run.

        Raises
        ------
        UserError
            If the runs have no test spectrum in common, or label them differently.
        """
        ours = decisions(predictions, f"prediction_{metrics.best}")
        theirs = read_decisions(self.folder, self.metrics.best_result, "prediction")
        common = compare_predictions(ours, theirs, len(metrics.classes))
        counts = common.counts
        this, earlier = (
            Scores.model_validate(classification_scores(each))
            for each in (common.first, common.second)
        )
        return Comparison(
            run=self.folder.path,
            run_id=self.metrics.run_id,
            models=Models(this=_name(metrics), earlier=_name(self.metrics)),
            spectra=counts.both + counts.only_first + counts.only_second + counts.neither,
            scores=PairOfScores(this=this, earlier=earlier),
            correct=Correct(
                both=counts.both,
                only_this=counts.only_first,
                only_earlier=counts.only_second,
                neither=counts.neither,
            ),
            p_value=counts.p_value,
        )


def read_metrics(place: Location) -> Metrics:
    """Read a file ``metrics.json``.

    Raises
    ------
    UserError
        If another version wrote it, or it is damaged.
    """
    return read_json(place, Metrics, "train again")


def read_decisions(run: Location, result: Result, column: str) -> pa.Table:
    """Read `decisions` of one of the results from the folder of a run."""
    parts = sorted(Location(status.path) for status in (run / PREDICTIONS).files())
    rows = pa.concat_tables(_rows_of(open_part(part), result, column) for part in parts)
    return decisions(rows, column)


def _rows_of(part: Part, result: Result, column: str) -> pa.Table:
    """Read the rows of a classifier, a row group at a time."""
    found = []
    for rows in part.row_groups(["spectrum_id", "label", column, *NAMES]):
        for name in NAMES:
            rows = rows.filter(pc.equal(rows[name], getattr(result, name)))
        found.append(rows)
    return pa.concat_tables(found)


def decisions(predictions: pa.Table, column: str) -> pa.Table:
    """Return ``spectrum_id``, ``label``, and one column of predictions as ``prediction``."""
    names = {"spectrum_id": "spectrum_id", "label": "label", column: "prediction"}
    return predictions.select(list(names)).rename_columns(list(names.values()))


def comparison_text(comparison: Comparison) -> str:
    """Return a comparison as a Markdown table and a sentence."""
    this, earlier = comparison.scores.this, comparison.scores.earlier
    rows = [
        f"| {name} | {_decimals(getattr(this, name))} | {_decimals(getattr(earlier, name))} |"
        for name in SCORES
    ]
    correct, p = comparison.correct, comparison.p_value
    verdict = "a difference that chance would rarely make" if p < 0.05 else "chance may explain it"
    return "\n".join(
        [
            f"| {comparison.spectra} common test spectra | this: {comparison.models.this} "
            f"| {comparison.run_id}: {comparison.models.earlier} |",
            "|---|---|---|",
            *rows,
            "",
            f"Only this run is right about {correct.only_this}, only the earlier run about "
            f"{correct.only_earlier}; McNemar's p = {p:.3g}: {verdict}.",
            "",
        ]
    )


def _name(metrics: Metrics) -> str:
    return f"{metrics.best_result.classifier}, {metrics.best_result.features}"


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
