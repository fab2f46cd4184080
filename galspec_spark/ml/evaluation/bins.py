"""Scores by bins of redshift or signal-to-noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.ml.evaluation.intervals import f1_interval, interval
from galspec_spark.ml.evaluation.scores import against_rest, classification_scores, confusion
from galspec_spark.spectrum.arrays import Doubles


def round_edges(values: pa.ChunkedArray, bins: int = 5) -> list[float]:
    """Return limits between bins of about equal count, rounded to two digits.

    Parameters
    ----------
    values
        Null or NaN where missing.

    Returns
    -------
    list of float
        Rising; at most bins - 1.
    """
    numbers = _numbers(values)
    finite = numbers[~np.isnan(numbers)]
    if not finite.size:
        return []
    limits = np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1])
    return sorted({float(f"{limit:.2g}") for limit in limits})


def scores_by_bin(
    predictions: pa.Table,
    column: str,
    prediction_columns: Sequence[str],
    edges: Sequence[float],
    k: int,
) -> list[dict[str, Any]]:
    """Return the scores of one or several models in bins of a column.

    Parameters
    ----------
    predictions
        The column, ``label`` and each of the `prediction_columns`.
    edges
        Rising limits between the bins: a value at a limit is in the bin above. Values below the
        first and above the last are in the outer bins.
    k
        Number of classes.

    Returns
    -------
    list of dict
        For each bin with rows, rising: ``low`` and ``high``, its limits (the outer bins end at the
        least and the greatest value); ``count``, and the number of ``agn``; and for each
        prediction column the scores (`classification_scores`), ``agn_recall_interval`` and
        ``agn_f1_interval`` (95 %). Rows whose value is null or NaN come last, with ``low`` and
        ``high`` None.
    """
    return [
        {"low": low, "high": high, **_scores(predictions, prediction_columns, inside, k)}
        for low, high, inside in bins_of(predictions[column], edges)
    ]


def bins_of(
    values: pa.ChunkedArray, edges: Sequence[float]
) -> Iterator[tuple[float | None, float | None, npt.NDArray[np.bool_]]]:
    """Yield the limits of each bin with rows, rising, and which rows are in it.

    The limits are those of `scores_by_bin`.
    """
    numbers = _numbers(values)
    missing = np.isnan(numbers)
    bin_ = np.where(missing, len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
    limits = [*pairwise([None, *edges, None]), (None, None)]
    for index in np.unique(bin_):
        inside = bin_ == index
        low, high = limits[index]
        if index <= len(edges):
            low = float(numbers[inside].min()) if low is None else low
            high = float(numbers[inside].max()) if high is None else high
        yield low, high, inside


def _numbers(values: pa.ChunkedArray) -> Doubles:
    """Return a column of numbers, NaN where missing."""
    return np.asarray(values.cast(pa.float64()).to_numpy())


def _scores(
    predictions: pa.Table, prediction_columns: Sequence[str], inside: npt.NDArray[np.bool_], k: int
) -> dict[str, Any]:
    labels = predictions["label"].to_numpy()[inside]
    entry: dict[str, Any] = {"count": len(labels), "agn": int((labels == k - 1).sum())}
    for name in prediction_columns:
        counts = confusion(labels, predictions[name].to_numpy()[inside], k)
        of_agn = against_rest(counts)
        entry[name] = {
            **classification_scores(counts),
            "agn_recall_interval": interval(of_agn[1, 1], of_agn[1].sum()),
            "agn_f1_interval": f1_interval(of_agn.tolist()),
        }
    return entry
