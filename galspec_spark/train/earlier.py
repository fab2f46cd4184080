"""Two runs' models side by side, on the test spectra that both predicted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.scores import classification_scores
from galspec_spark.ml.evaluation.significance import compare_predictions
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location

PREDICTIONS = "predictions"
SCORES = ("precision", "recall", "f1", "agn_precision", "agn_recall", "agn_f1", "mcc")


@dataclass(frozen=True)
class EarlierRun:
    """A folder that an earlier run of training wrote."""

    folder: Location
    metrics: dict[str, Any]

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
        return cls(place, json.loads(files["metrics.json"].read()))

    def compare(self, metrics: dict[str, Any], predictions: pa.Table) -> dict[str, Any]:
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
        ours = decisions(predictions, f"prediction_{metrics['best']}")
        theirs = read_decisions(self.folder, f"prediction_{self.metrics['best']}")
        common = compare_predictions(ours, theirs)
        counts, scores = common.counts, {}
        for name, confusion in (("this", common.first), ("earlier", common.second)):
            found = classification_scores(confusion)
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
            "p_value": counts.p_value,
        }


def read_decisions(run: Location, column: str) -> pa.Table:
    """Read `decisions` from the folder of a run."""
    parts = sorted(Location(status.path) for status in (run / PREDICTIONS).files())
    columns = ["spectrum_id", "label", column]
    return decisions(pa.concat_tables(open_part(part).read(columns) for part in parts), column)


def decisions(predictions: pa.Table, column: str) -> pa.Table:
    """Return ``spectrum_id``, ``label``, and one column of predictions as ``prediction``."""
    names = {"spectrum_id": "spectrum_id", "label": "label", column: "prediction"}
    return predictions.select(list(names)).rename_columns(list(names.values()))


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


def _name(metrics: dict[str, Any]) -> str:
    best = metrics["results"][metrics["best"]]
    return f"{best['classifier']}, {best['features']}"


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
