"""The training set in a few numbers, to compare new spectra with.

Distributions are counts between quantiles of the training split, so that a release can be compared
in one pass over narrow rows. Ranges and expected reconstruction errors decide which spectra of the
catalogue are flagged. A million training spectra suffice for all of it: 400 MB with 20 features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.ml.evaluation.census import Census
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.spectrum.arrays import Doubles, rows_of
from galspec_spark.warehouse.sample import NOT_DRAWN

Booleans = npt.NDArray[np.bool_]
#: Quantities of every spectrum, besides its features.
QUANTITIES = ("z", "sn_median", "coverage")
BINS = 100
#: Quantiles of the training spectra between which a value is within their range.
RANGE = (0.001, 0.999)
#: Share of the training spectra at a given S/N that are not outliers.
NOT_OUTLIERS = 0.999
#: Spectra of a S/N that a limit of the reconstruction error needs, about, and the most limits.
ROWS_OF_LIMIT, MOST_LIMITS = 1000, 10


@dataclass(frozen=True)
class Tally:
    """Counts of one pass over narrow rows."""

    #: By quantity: in each bin between its edges, and last the missing values.
    bins: dict[str, list[int]]
    #: By property: numbers of rows without it and with it, where known.
    shares: dict[str, list[int]]


@dataclass(frozen=True)
class Profile:
    """Summary of a training set."""

    edges: dict[str, list[float]]  #: by quantity: rising limits between bins of about equal count
    bins: dict[str, list[int]]  #: by quantity: as in a `Tally`, of the training split
    ranges: dict[str, list[float]]  #: of `QUANTITIES`: least and greatest usual value
    sn_edges: list[float]  #: limits between bins of S/N
    #: Greatest usual reconstruction error in each of these bins; empty if features have none.
    error_limits: list[float]
    #: As in a `Tally`: ``agn`` as the model calls it and ``outlier``, of the test split;
    #: ``left_out`` of all spectra.
    shares: dict[str, list[int]]

    def error_limit(self, sn: npt.ArrayLike) -> Doubles:
        """Return the greatest usual reconstruction errors at the S/N of spectra, or infinity."""
        if not self.error_limits:
            return np.full(np.shape(sn), np.inf)
        return np.array(self.error_limits)[np.searchsorted(self.sn_edges, sn, side="right")]

    def is_below(self, quantity: str, values: Doubles) -> Booleans:
        """Return whether values of one of `QUANTITIES` are less than usual, or NaN."""
        return np.asarray(~(values >= self.ranges[quantity][0]))

    def is_above(self, quantity: str, values: Doubles) -> Booleans:
        """Return whether values of one of `QUANTITIES` are greater than usual."""
        return np.asarray(values > self.ranges[quantity][1])


def take_profile(
    train: pa.Table, test: pa.Table, names: Sequence[str], census: Census, called_agn: int
) -> Profile:
    """Measure the training set.

    Parameters
    ----------
    train
        `QUANTITIES`, ``reconstruction_error`` and ``features`` (lists) of the training split.
    test
        ``sn_median`` and ``reconstruction_error`` of the test split.
    names
        Names of the features.
    called_agn
        Number of test spectra that the model calls AGN.
    """
    profile = learn_profile(train, names)
    left_out = sum(n for reason, n in census.left_out().items() if reason != NOT_DRAWN)
    shares = {
        "agn": [len(test) - called_agn, called_agn],
        "left_out": [census.counts()["selected"], left_out],
    }
    if profile.error_limits:
        limits = profile.error_limit(_doubles(test["sn_median"]))
        outliers = int(np.count_nonzero(_doubles(test[RECONSTRUCTION_ERROR]) > limits))
        shares["outlier"] = [len(test) - outliers, outliers]
    return replace(profile, shares=shares)


def learn_profile(train: pa.Table, names: Sequence[str]) -> Profile:
    """Measure the training split alone, as `take_profile` does: the shares are empty."""
    (rows,) = train.combine_chunks().to_batches()
    values = _quantities(rows, names)
    between = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = {name: sorted(set(_quantiles(each, between))) for name, each in values.items()}
    return Profile(
        edges,
        tally([rows], edges).bins,
        {name: _quantiles(values[name], RANGE) for name in QUANTITIES},
        *_error_limits(values["sn_median"], _doubles(rows[RECONSTRUCTION_ERROR])),
        shares={},
    )


def tally(
    batches: Iterable[pa.RecordBatch],
    edges: Mapping[str, Sequence[float]],
    properties: Sequence[str] = (),
) -> Tally:
    """Count rows between the edges of all quantities, and rows with each property, in one pass.

    Parameters
    ----------
    batches
        `QUANTITIES`, ``features`` (lists; rows without them count for properties only), and a
        boolean column for each of the `properties`.
    edges
        Edges of a `Profile`.
    """
    bins = {name: np.zeros(len(limits) + 2, np.int64) for name, limits in edges.items()}
    shares = {name: np.zeros(2, np.int64) for name in properties}
    names = [name for name in edges if name not in QUANTITIES]
    for batch in batches:
        for name in properties:
            shares[name] += np.bincount(batch[name].drop_null().cast(pa.int8()), minlength=2)
        measured = batch.filter(batch["features"].is_valid())
        if measured.num_rows:
            for name, values in _quantities(measured, names).items():
                bins[name] += _bin_counts(values, np.array(edges[name]))
    return Tally(
        {name: counts.tolist() for name, counts in bins.items()},
        {name: counts.tolist() for name, counts in shares.items()},
    )


def _bin_counts(values: Doubles, edges: Doubles) -> npt.NDArray[np.int64]:
    """Return the number of values in each bin between rising edges, and last of missing values."""
    bins = np.searchsorted(edges, values, side="right")
    bins[np.isnan(values)] = len(edges) + 1
    return np.bincount(bins, minlength=len(edges) + 2)


def _quantities(rows: pa.RecordBatch, names: Sequence[str]) -> dict[str, Doubles]:
    """Return `QUANTITIES` and each feature of rows that have features; NaN where missing."""
    features = rows_of(rows["features"]).T.astype(float)
    return {
        **{name: _doubles(rows[name]) for name in QUANTITIES},
        **dict(zip(names, features, strict=True)),
    }


def _doubles(values: pa.Array | pa.ChunkedArray) -> Doubles:
    return np.asarray(values.cast(pa.float64()), np.float64)


def _quantiles(values: Doubles, probabilities: Sequence[float] | Doubles) -> list[float]:
    """Return quantiles of the values that are not NaN; empty without any."""
    present = values[~np.isnan(values)]
    return np.quantile(present, probabilities).tolist() if present.size else []


def _error_limits(sn: Doubles, error: Doubles) -> tuple[list[float], list[float]]:
    """Return limits between bins of S/N, and the greatest usual error in each of the bins.

    Both are empty if the features have no reconstruction error.
    """
    if np.isnan(error).all():
        return [], []
    bins = int(np.clip(len(sn) // ROWS_OF_LIMIT, 1, MOST_LIMITS))
    between = np.linspace(0, 1, bins + 1)[1:-1]
    edges = [edge for edge in sorted(set(_quantiles(sn, between))) if (sn < edge).any()]
    place = np.searchsorted(edges, sn, side="right")
    limits = [
        float(np.quantile(error[(place == bin_) & ~np.isnan(sn)], NOT_OUTLIERS))
        for bin_ in range(len(edges) + 1)
    ]
    return edges, limits
