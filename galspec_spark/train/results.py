"""Files that a training run writes: metrics, Table 1, all trials and all predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.ml.evaluation.metrics import Metrics, Result, Search, TrialScores
from galspec_spark.ml.search.compare import Tried
from galspec_spark.ml.search.scorecard import KNOWN, PREDICTED
from galspec_spark.ml.search.table import search_table
from galspec_spark.ml.search.trial import out_of_fold
from galspec_spark.report.table1 import table1
from galspec_spark.train.earlier import NAMES, PREDICTIONS, Comparison, comparison_text
from galspec_spark.train.meanings import MEANINGS
from galspec_spark.warehouse.columns import describe
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location, write_json

#: The only part of the predictions, in the folder of results.
PREDICTIONS_PART = Path(PREDICTIONS) / "part.parquet"

Trials = Mapping[str, Sequence[Tried]]  #: of one kind of features, by set of features


def search_summary(search: Trials) -> dict[str, Search]:
    """Return the trials of the search, for ``metrics.json``."""
    return {
        features: Search(
            points=len(tried),
            fits=sum(len(each.trial.confusions) for each in tried),
            trials=tuple(map(_trial_scores, tried)),
        )
        for features, tried in search.items()
    }


def _trial_scores(tried: Tried) -> TrialScores:
    trial, point = tried.trial, tried.point
    return TrialScores(
        classifier=trial.classifier,
        origin=point.origin,
        n_features=point.n_features,
        chosen={param.name: value for param, value in point.params.items()},
        f1=trial.score,
        agn_f1=trial.pooled["agn_f1"],
        seconds=round(sum(trial.seconds.values()), 3),
    )


def write_search(search: Mapping[str, Trials], provenance: Mapping[str, str], output: Path) -> None:
    """Write each point and fold that was tried, and what the best say of each training spectrum.

    The files are ``search.parquet`` and ``out_of_fold.parquet``.

    Parameters
    ----------
    search
        By kind of features.
    """
    tables, scored = [], []
    for kind, sets in search.items():
        for name, tried in sets.items():
            tables.append(search_table(tried, kind, name))
            found = out_of_fold(each.trial for each in tried)
            constants = {"kind": kind, "features": name}
            for column, value in constants.items():
                found = found.append_column(column, pa.repeat(value, len(found)))
            scored.append(found)
    table = pa.concat_tables(tables)
    for name, value in provenance.items():
        table = table.append_column(name, pa.repeat(value, len(table)))
    _write(table, Location.of(output / "search.parquet"))
    _write(pa.concat_tables(scored), Location.of(output / "out_of_fold.parquet"))


def write_results(
    output: Path, metrics: Metrics, predictions: pa.Table, comparison: Comparison | None
) -> None:
    """Write metrics, Table 1, predictions, and the comparison with an earlier run."""
    write_predictions(predictions, metrics, output)
    write_json(output / "metrics.json", metrics)
    Location.of(output / "table1.md").write(table1(metrics).encode())
    if comparison:
        Location.of(output / "comparison.md").write(comparison_text(comparison).encode())
        write_json(output / "comparison.json", comparison)


def write_predictions(predictions: pa.Table, metrics: Metrics, output: Path) -> None:
    """Write each classifier's predictions of the test spectra, replacing an earlier run's.

    A row is a spectrum and a classifier, which ``classifier``, ``kind`` and ``features`` name, as
    in ``results`` of the metrics. The rows of a classifier are together.

    Parameters
    ----------
    predictions
        From `galspec_spark.ml.search.scorecard.predict`, in the order of the results.
    """
    folder = Location.of(output / PREDICTIONS)
    new = Location.of(output / f".{PREDICTIONS}.{os.getpid()}")
    first, *others = (
        _of_classifier(predictions, i, result) for i, result in enumerate(metrics.results)
    )
    schema = describe(first.schema, MEANINGS)
    with part_writer(new / PREDICTIONS_PART.name, schema) as writer:
        for rows in (first, *others):
            writer.write_table(rows.cast(first.schema))
    folder.delete_folder()
    new.move(folder)


def read_predictions(spark: SparkSession, output: Path, result: Result) -> DataFrame:
    """Return the predictions of one classifier, from a folder of results."""
    rows = scan(spark, [Location.of(output / PREDICTIONS_PART)])
    return rows.where(reduce(and_, (F.col(name) == getattr(result, name) for name in NAMES)))


def _of_classifier(predictions: pa.Table, i: int, result: Result) -> pa.Table:
    values = [name for name in PREDICTED if f"{name}_{i}" in predictions.column_names]
    rows = predictions.select([*KNOWN, *(f"{name}_{i}" for name in values)])
    rows = rows.rename_columns([*KNOWN, *values])
    for name in NAMES:
        rows = rows.append_column(name, pa.repeat(getattr(result, name), len(rows)))
    return rows


def _write(table: pa.Table, place: Location) -> None:
    with part_writer(place, describe(table.schema, MEANINGS)) as writer:
        writer.write_table(table)
