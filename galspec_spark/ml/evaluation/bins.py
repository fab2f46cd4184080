"""Scores by bins of redshift or signal-to-noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from galspec_spark.ml.evaluation.intervals import f1_interval, interval
from galspec_spark.ml.evaluation.quantiles import quantiles
from galspec_spark.ml.evaluation.scores import classification_scores


def round_edges(frame: DataFrame, column: str, rows: int, bins: int = 5) -> list[float]:
    """Return limits between bins of about equal count, as numbers of two digits.

    Parameters
    ----------
    frame
        The column, and ``object_id``.
    rows
        Number of rows of the frame.

    Returns
    -------
    list of float
        Rising; at most bins - 1.
    """
    has_value = frame.where(_value(column).isNotNull())
    limits = quantiles(has_value, column, np.linspace(0, 1, bins + 1)[1:-1].tolist(), rows)
    return sorted({float(f"{limit:.2g}") for limit in limits})


def scores_by_bin(
    predictions: DataFrame, column: str, prediction_columns: Sequence[str], edges: Sequence[float]
) -> list[dict[str, Any]]:
    """Return the scores of one or several models in bins of a column, in one aggregate.

    Parameters
    ----------
    predictions
        The column, ``label`` (0 or 1) and each of the `prediction_columns` (0 or 1).
    edges
        Rising limits between the bins: a value at a limit is in the bin above. Values below the
        first and above the last are in the outer bins.

    Returns
    -------
    list of dict
        For each bin with rows, rising: ``low`` and ``high``, its limits (the outer bins end at the
        least and the greatest value); ``count`` and how many of them are ``agn``; and for each
        prediction column the scores (`classification_scores`), ``agn_recall_interval`` and
        ``agn_f1_interval`` (95 %). Rows whose value is null or NaN come last, with ``low`` and
        ``high`` None.
    """
    value = _value(column)
    cells = [
        F.count_if((F.col("label") == truth) & (F.col(name) == predicted))
        for name in prediction_columns
        for truth in (0, 1)
        for predicted in (0, 1)
    ]
    found = (
        predictions.groupBy(_bin(value, edges).alias("bin"))
        .agg(F.min(value), F.max(value), F.count("*"), F.count_if(F.col("label") == 1), *cells)
        .orderBy(F.col("bin").asc_nulls_last())
        .collect()
    )
    limits = list(pairwise([None, *edges, None]))
    return [_entry(row, limits, prediction_columns) for row in found]


def _value(column: str) -> Column:
    """Return the column with null in place of NaN, which Spark orders above all numbers."""
    return F.nanvl(F.col(column).cast("double"), F.lit(None).cast("double"))


def _bin(value: Column, edges: Sequence[float]) -> Column:
    """Return how many edges are not above the value; null where it is null."""
    return sum(((value >= edge).cast("int") for edge in edges), F.when(value.isNotNull(), 0))


def _entry(
    row: Row, limits: list[tuple[float | None, float | None]], prediction_columns: Sequence[str]
) -> dict[str, Any]:
    index, least, greatest, count, agn, *cells = row
    low, high = limits[index] if index is not None else (None, None)
    counts = np.array(cells, dtype=np.int64).reshape(-1, 2, 2)
    return {
        "low": least if low is None else low,
        "high": greatest if high is None else high,
        "count": count,
        "agn": agn,
        **{
            name: {
                **classification_scores(of_one),
                "agn_recall_interval": interval(of_one[1, 1], of_one[1].sum()),
                "agn_f1_interval": f1_interval(of_one.tolist()),
            }
            for name, of_one in zip(prediction_columns, counts, strict=True)
        },
    }
