"""Quantiles of a column that do not depend on how the rows are partitioned."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
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
    if rows > SAMPLE:
        frame = frame.where(F.pmod(F.xxhash64("object_id"), F.lit(rows)) < SAMPLE)
    found = frame.agg(F.percentile(column, list(probabilities))).first()
    assert found is not None
    return list(found[0] or [])
