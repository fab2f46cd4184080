"""Files that a training run writes: metrics, Table 1, all trials and all predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from galspec_spark.ml.evaluation.metrics import Metrics, Search, TrialScores
from galspec_spark.ml.search.search import Trial, search_table
from galspec_spark.report.table1 import table1
from galspec_spark.train.earlier import PREDICTIONS, Comparison, comparison_text
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location, write_json

Trials = Mapping[str, Sequence[Trial]]  #: of one kind of features, by set of features


def search_summary(search: Trials) -> dict[str, Search]:
    """Return the trials of the search, for ``metrics.json``."""
    return {
        features: Search(
            points=len(trials),
            fits=sum(len(trial.confusions) for trial in trials),
            trials=tuple(map(_trial_scores, trials)),
        )
        for features, trials in search.items()
    }


def _trial_scores(trial: Trial) -> TrialScores:
    return TrialScores(
        classifier=trial.classifier.name,
        origin=trial.point.origin,
        n_features=trial.point.n_features,
        chosen={param.name: value for param, value in trial.point.params.items()},
        f1=trial.f1,
        agn_f1=trial.pooled["agn_f1"],
        seconds=round(sum(trial.seconds.values()), 3),
    )


def write_search(search: Mapping[str, Trials], provenance: Mapping[str, str], output: Path) -> None:
    """Write each point and fold that was tried, as one Parquet file.

    Parameters
    ----------
    search
        By kind of features.
    """
    table = pa.concat_tables(
        search_table(trials, kind, name)
        for kind, sets in search.items()
        for name, trials in sets.items()
    )
    for name, value in provenance.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    _write(table, Location.of(output / "search.parquet"))


def write_results(
    output: Path, metrics: Metrics, predictions: pa.Table, comparison: Comparison | None
) -> None:
    """Write metrics, Table 1, predictions, and the comparison with an earlier run."""
    write_predictions(predictions, output)
    write_json(output / "metrics.json", metrics)
    Location.of(output / "table1.md").write(table1(metrics).encode())
    if comparison:
        Location.of(output / "comparison.md").write(comparison_text(comparison).encode())
        write_json(output / "comparison.json", comparison)


def write_predictions(predictions: pa.Table, output: Path) -> None:
    """Write each classifier's predictions of the test spectra, replacing an earlier run's."""
    folder = Location.of(output / PREDICTIONS)
    new = Location.of(output / f".{PREDICTIONS}.{os.getpid()}")
    _write(predictions, new / "part.parquet")
    folder.delete_folder()
    new.move(folder)


def _write(table: pa.Table, place: Location) -> None:
    with part_writer(place, table.schema) as writer:
        writer.write_table(table)
