"""Quantiles of a column that do not depend on how the rows are partitioned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

#: Rows whose quantiles are exact; of more rows, about so many are chosen.
SAMPLE = 100_000


def quantiles(
    frame: DataFrame, column: str, probabilities: Sequence[float], rows: int
) -> list[float]:
    """Return quantiles of a column, each between two values interpolated linearly.

    `percentile_approx` merges its sketches in the order of the tasks. Exact quantiles of the
    objects that a hash chooses are always the same, and need bounded memory.

    Parameters
    ----------
    frame
        The column, and ``object_id``.
    rows
        Number of rows of the frame.

    Returns
    -------
    list of float
        Rising as the probabilities do; empty if the column has no value.
    """
    return quantiles_of(frame, {column: F.col(column)}, probabilities, rows)[column]


def quantiles_of(
    frame: DataFrame, columns: Mapping[str, Column], probabilities: Sequence[float], rows: int
) -> dict[str, list[float]]:
    """Return the `quantiles` of several columns in one pass, by their names."""
    sample = hash_sample(frame, rows)
    aggregates = [F.percentile(column, list(probabilities)) for column in columns.values()]
    found = sample.agg(*aggregates).first()
    assert found is not None
    return {name: list(values or []) for name, values in zip(columns, found, strict=True)}


def hash_sample(frame: DataFrame, rows: int) -> DataFrame:
    """Return all of at most `SAMPLE` rows, else about so many of the objects, always the same."""
    if rows <= SAMPLE:
        return frame
    return frame.where(F.pmod(F.xxhash64("object_id"), F.lit(rows)) < SAMPLE)
