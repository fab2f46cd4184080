"""The training set in a few numbers: what a model knows, and what a new spectrum is held against.

Distributions are counts between quantiles of the training split, so that a release can be compared
in one pass over narrow rows. Ranges and the reconstruction errors to expect decide which spectra of
the catalogue are flagged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from galspec_spark.ml.evaluation.census import Census
from galspec_spark.ml.evaluation.quantiles import hash_sample, quantiles_of
from galspec_spark.ml.features.projection import COMPONENTS, RECONSTRUCTION_ERROR
from galspec_spark.spectrum.arrays import Doubles, rows_of

Booleans = npt.NDArray[np.bool_]
#: Known of every spectrum, beside its coefficients.
KNOWN = ("z", "sn_median", "coverage")
BINS = 100
#: Shares of the training spectra between which a value counts as within their range.
RANGE = (0.001, 0.999)
#: Share of the training spectra of a S/N that are not outliers.
NOT_OUTLIERS = 0.999
#: A limit of the reconstruction error needs about so many spectra of a S/N.
ROWS_OF_LIMIT, MOST_LIMITS = 1000, 10
#: A reason that says nothing about the data.
NOT_DRAWN = "not_drawn"
#: The edge between no and yes.
HALF = np.array([0.5])


@dataclass(frozen=True)
class Tally:
    """Counts of one pass over narrow rows."""

    #: By quantity: in each bin between its edges, and last the missing ones.
    bins: dict[str, list[int]]
    #: By name of a property: of how many rows it is known not to hold, and of how many to hold.
    shares: dict[str, list[int]]


@dataclass(frozen=True)
class Profile:
    """What is remembered of a training set."""

    edges: dict[str, list[float]]  #: by quantity: rising limits between bins of about equal count
    bins: dict[str, list[int]]  #: by quantity: as in a `Tally`, of the training split
    ranges: dict[str, list[float]]  #: of `KNOWN`: least and greatest usual value
    sn_edges: list[float]  #: limits between bins of S/N
    error_limits: list[float]  #: in each of these bins: the greatest usual reconstruction error
    #: As in a `Tally`: ``agn`` as the model calls it and ``outlier``, of the test split;
    #: ``left_out`` of all spectra.
    shares: dict[str, list[int]]

    def error_limit(self, sn: npt.ArrayLike) -> Doubles:
        """Return the greatest usual reconstruction errors at the S/N of spectra."""
        return np.array(self.error_limits)[np.searchsorted(self.sn_edges, sn, side="right")]

    def is_below(self, quantity: str, values: Doubles) -> Booleans:
        """Return whether values of one of `KNOWN` are less than usual, or NaN."""
        return np.asarray(~(values >= self.ranges[quantity][0]))

    def is_above(self, quantity: str, values: Doubles) -> Booleans:
        """Return whether values of one of `KNOWN` are greater than usual."""
        return np.asarray(values > self.ranges[quantity][1])


def take_profile(coefficients: DataFrame, census: Census, called_agn: int) -> Profile:
    """Measure the training set.

    Parameters
    ----------
    coefficients
        Persisted, of `features.project_all`.
    called_agn
        How many spectra of the test split the model calls AGN.
    """
    train_rows, test_rows = (census.count(split=split) for split in ("train", "test"))
    rows = coefficients.select(
        "object_id",
        "split",
        *KNOWN,
        RECONSTRUCTION_ERROR,
        vector_to_array(F.col(COMPONENTS)).alias("coefficients"),
    )
    train = rows.where("split = 'train'")
    first: Any = train.select(F.size("coefficients")).first()
    columns = _quantities(first[0])
    between = np.linspace(0, 1, BINS + 1)[1:-1].tolist()
    edges = {
        name: sorted(set(values))
        for name, values in quantiles_of(train, columns, between, train_rows).items()
    }
    ranges = quantiles_of(train, {name: F.col(name) for name in KNOWN}, RANGE, train_rows)
    sn_edges, error_limits = _error_limits(train, train_rows)
    left_out = sum(n for reason, n in census.left_out().items() if reason != NOT_DRAWN)
    used = census.counts()["selected"]
    shares = {"agn": [test_rows - called_agn, called_agn], "left_out": [used, left_out]}
    counts = tally(train, edges).bins
    profile = Profile(edges, counts, ranges, sn_edges, error_limits, shares)
    test = rows.where("split = 'test'").withColumn(
        "outlier", F.col(RECONSTRUCTION_ERROR) > error_limit(profile)
    )
    return replace(profile, shares=shares | tally(test, edges, ["outlier"]).shares)


def error_limit(profile: Profile) -> Column:
    """Return a profile's limit of the reconstruction error at the S/N of a row."""

    @pandas_udf("double")  # type: ignore[call-overload, untyped-decorator]
    def limit(sn: pd.Series) -> pd.Series:
        return pd.Series(profile.error_limit(sn))

    column: Column = limit("sn_median")
    return column


def tally(
    rows: DataFrame, edges: Mapping[str, Sequence[float]], properties: Sequence[str] = ()
) -> Tally:
    """Count rows between the edges of all quantities, and those that have properties; one pass.

    Parameters
    ----------
    rows
        `KNOWN`, ``coefficients`` (array; a row without takes part in the properties only), and a
        boolean column for each of the `properties`.
    edges
        Of a `Profile`.
    """
    limits = [np.array(values) for values in edges.values()]
    width = len(edges) - len(KNOWN)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts = [np.zeros(len(each) + 2, np.int64) for each in limits]
        counts += [np.zeros(3, np.int64) for _ in properties]
        for batch in batches:
            for number, name in enumerate(properties, len(limits)):
                counts[number] += _bin_counts(batch[name].cast(pa.float64()), HALF)
            measured = batch.filter(batch["coefficients"].is_valid())
            columns = [*(measured[name] for name in KNOWN)]
            columns += list(rows_of(measured["coefficients"]).reshape(-1, width).T)
            for number, values in enumerate(columns):
                counts[number] += _bin_counts(values, limits[number])
        sizes = [len(each) for each in counts]
        yield pa.record_batch(
            {
                "quantity": pa.array(np.repeat(np.arange(len(counts)), sizes)),
                "bin": pa.array(np.concatenate([np.arange(size) for size in sizes])),
                "n": pa.array(np.concatenate(counts)),
            }
        )

    found = (
        rows.select(*(F.col(name).cast("double") for name in KNOWN), "coefficients", *properties)
        .mapInArrow(count, "quantity long, bin long, n long")
        .groupBy("quantity", "bin")
        .agg(F.sum("n").alias("n"))
        .collect()
    )
    counts = [[0] * (len(each) + 2) for each in limits] + [[0] * 3 for _ in properties]
    for row in found:
        counts[row.quantity][row.bin] = row.n
    shares = {name: each[:2] for name, each in zip(properties, counts[len(limits) :], strict=True)}
    return Tally(dict(zip(edges, counts, strict=False)), shares)


def _bin_counts(values: Any, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return how many values are in each bin between rising edges, and last how many missing."""
    numbers = np.asarray(values, np.float64)
    bins = np.searchsorted(edges, numbers, side="right")
    bins[np.isnan(numbers)] = len(edges) + 1
    return np.bincount(bins, minlength=len(edges) + 2)


def _quantities(components: int) -> dict[str, Column]:
    known = {name: F.col(name).cast("double") for name in KNOWN}
    return known | {
        f"coefficient_{j + 1}": F.col("coefficients")[j].cast("double") for j in range(components)
    }


def _error_limits(train: DataFrame, rows: int) -> tuple[list[float], list[float]]:
    """Return limits between bins of S/N, and the greatest usual error in each of the bins."""
    bins = int(np.clip(rows // ROWS_OF_LIMIT, 1, MOST_LIMITS))
    between = np.linspace(0, 1, bins + 1)[1:-1].tolist()
    edges = sorted(set(quantiles_of(train, {"sn": F.col("sn_median")}, between, rows)["sn"]))
    number = sum((F.col("sn_median") >= edge).cast("int") for edge in edges) + F.lit(0)
    found = (
        hash_sample(train, rows)
        .groupBy(number.alias("bin"))
        .agg(F.percentile(RECONSTRUCTION_ERROR, NOT_OUTLIERS).alias("limit"))
        .where("bin is not null")
        .orderBy("bin")
        .collect()
    )
    return edges, [float(row.limit) for row in found]
