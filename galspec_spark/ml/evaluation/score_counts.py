"""How many AGN and others have each score: all that curves, calibration and thresholds need.

Of bounded size, so that the driver can work on it whatever the number of predictions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.ml.feature import Bucketizer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from galspec_spark.ml.evaluation.quantiles import quantiles
from galspec_spark.spectrum.arrays import Doubles

#: So many predictions keep their scores apart; of more, those in one of `BINS` share their mean.
MAX_SCORES = 10_000
BINS = 2500


@dataclass(frozen=True)
class ScoreCounts:
    """Numbers of AGN and others by score; arrays of one length."""

    score: Doubles  #: rising, no two the same; the mean where scores were binned
    agn: Doubles
    other: Doubles

    @classmethod
    def of(cls, scores: Doubles, agn: npt.ArrayLike, other: npt.ArrayLike) -> ScoreCounts:
        """Add up the numbers of AGN and others of equal scores."""
        values, index = np.unique(scores, return_inverse=True)
        sums = (np.bincount(index, numbers).astype(np.float64) for numbers in (agn, other))
        return cls(values, *sums)

    @property
    def count(self) -> Doubles:
        """Number of predictions of each score."""
        return self.agn + self.other


def score_counts(predictions: DataFrame, rows: int) -> ScoreCounts:
    """Count predictions by their score.

    Parameters
    ----------
    predictions
        Columns ``label`` (0 or 1), ``score`` and, where there are more than `MAX_SCORES`,
        ``object_id``.
    rows
        Number of predictions; above `MAX_SCORES` the scores are binned by quantile.
    """
    key, of_bin = F.col("score"), F.min("score")
    if rows > MAX_SCORES:
        predictions, key, of_bin = _binned(predictions, rows), F.col("bin"), F.avg("score")
    counted = (
        predictions.groupBy(key.alias("key"))
        .agg(of_bin, F.count_if(F.col("label") == 1), F.count_if(F.col("label") == 0))
        .drop("key")
        .toPandas()
        .to_numpy(dtype=np.float64)
    )
    return ScoreCounts(*counted[counted[:, 0].argsort()].T)


def _binned(predictions: DataFrame, rows: int) -> DataFrame:
    edges = quantiles(predictions, "score", np.linspace(0, 1, BINS + 1)[1:-1].tolist(), rows)
    splits = [-np.inf, *np.unique(edges).tolist(), np.inf]
    return Bucketizer(splits=splits, inputCol="score", outputCol="bin").transform(predictions)
