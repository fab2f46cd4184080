"""Two runs' models side by side, on the test spectra that both predicted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.scores import classification_scores, confusion
from galspec_spark.ml.evaluation.significance import mcnemar, paired_counts
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.storage import Location

PREDICTIONS = "predictions"
SCORES = ("precision", "recall", "f1", "agn_precision", "agn_recall", "agn_f1", "mcc")


@dataclass(frozen=True)
class EarlierRun:
    """A folder that an earlier run of training wrote."""

    folder: Location
    metrics: dict[str, Any]
    parts: Sequence[Location]  #: of its predictions

    @classmethod
    def open(cls, folder: str) -> EarlierRun:
        """Open a run's folder, before the work begins.

        Raises
        ------
        UserError
            If it does not hold the metrics and predictions of a run.
        """
        place = Location.of(folder)
        files = {name: place / name for name in ("metrics.json", PREDICTIONS)}
        missing = [name for name, path in files.items() if not path.exists()]
        if missing:
            raise UserError(
                f"cannot compare with {folder}: it has no {missing[0]}; name the --output folder "
                "of an earlier run of jobs/train.py"
            )
        parts = sorted(Location(status.path) for status in files[PREDICTIONS].files())
        return cls(place, json.loads(files["metrics.json"].read()), parts)

    def compare(
        self, spark: SparkSession, metrics: dict[str, Any], predictions: DataFrame
    ) -> dict[str, Any]:
        """Return the scores of both runs' best models on their common test spectra, and who wins.

        Parameters
        ----------
        metrics, predictions
            Of this run.

        Raises
        ------
        UserError
            If the runs have no test spectrum in common, or label them differently.
        """
        ours = _best(predictions, metrics["best"])
        theirs = _best(scan(spark, self.parts), self.metrics["best"])
        counts = paired_counts(ours, theirs)
        scores = {}
        for name, mine, other in (("this", ours, theirs), ("earlier", theirs, ours)):
            common = mine.join(other.select("spectrum_id"), "spectrum_id")
            found = classification_scores(confusion(common))
            scores[name] = {score: found[score] for score in SCORES}
        return {
            "run": self.folder.path,
            "run_id": self.metrics["run_id"],
            "models": {"this": _name(metrics), "earlier": _name(self.metrics)},
            "spectra": sum(asdict(counts).values()),
            "scores": scores,
            "correct": {
                "both": counts.both,
                "only_this": counts.only_first,
                "only_earlier": counts.only_second,
                "neither": counts.neither,
            },
            "p_value": mcnemar(counts.only_first, counts.only_second),
        }


def comparison_text(comparison: dict[str, Any]) -> str:
    """Return a comparison as a Markdown table and a sentence."""
    this, earlier = (comparison["scores"][name] for name in ("this", "earlier"))
    rows = [
        f"| {score} | {_decimals(this[score])} | {_decimals(earlier[score])} |" for score in SCORES
    ]
    correct, p = comparison["correct"], comparison["p_value"]
    verdict = "a difference that chance would rarely make" if p < 0.05 else "chance may explain it"
    return "\n".join(
        [
            f"| {comparison['spectra']} common test spectra | this: {comparison['models']['this']} "
            f"| {comparison['run_id']}: {comparison['models']['earlier']} |",
            "|---|---|---|",
            *rows,
            "",
            f"Only this run is right about {correct['only_this']}, only the earlier one about "
            f"{correct['only_earlier']}; McNemar's p = {p:.3g}: {verdict}.",
            "",
        ]
    )


def _best(predictions: DataFrame, index: int) -> DataFrame:
    return predictions.selectExpr("spectrum_id", "label", f"prediction_{index} prediction")


def _name(metrics: dict[str, Any]) -> str:
    best = metrics["results"][metrics["best"]]
    return f"{best['classifier']}, {best['features']}"


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
