"""What is remembered of a training set, against numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from galspec_spark.labels import BINARY
from galspec_spark.ml.evaluation.census import Census
from galspec_spark.ml.model.profile import QUANTITIES, Profile, take_profile, tally
from galspec_spark.spectrum.arrays import lists_of

N, K = 4000, 3
NAMES = [f"coefficient_{j}" for j in range(1, K + 1)]


@pytest.fixture(scope="module")
def train() -> pa.Table:
    random = np.random.default_rng(4)
    sn = random.uniform(2, 40, N)
    sn[:10] = np.nan
    return pa.table(
        {
            "z": random.uniform(0, 0.3, N),
            "sn_median": sn.astype(np.float32),
            "coverage": np.ones(N, np.float32),
            "reconstruction_error": (random.exponential(1, N) / sn).astype(np.float32),
            "features": lists_of(random.normal(size=(N, K)).astype(np.float32)),
        }
    )


@pytest.fixture(scope="module")
def profile(train) -> Profile:
    groups = pd.DataFrame({"reason": [None, "coverage", "not_drawn"], "count": [N + 800, 7, 9]})
    groups["simulated"] = False
    for column in ("label", "split", "fold"):
        groups[column] = np.nan
    return take_profile(
        train, train.slice(0, 800), NAMES, Census(groups, 0, BINARY), called_agn=200
    )


def test_edges_and_ranges_are_quantiles(train, profile):
    z = train["z"].to_numpy()
    np.testing.assert_allclose(profile.edges["z"], np.quantile(z, np.linspace(0, 1, 101)[1:-1]))
    np.testing.assert_allclose(profile.ranges["z"], np.quantile(z, [0.001, 0.999]))
    coefficient = np.array(train["features"].to_pylist(), np.float32)[:, 1].astype(float)
    assert profile.edges["coefficient_2"][49] == pytest.approx(np.median(coefficient))
    assert set(profile.edges) == {*QUANTITIES, *NAMES}
    assert profile.edges["coverage"] == [1.0]  # of equal values, one edge


def test_bins_count_all_rows_and_last_the_missing(profile):
    for name, counts in profile.bins.items():
        assert sum(counts) == N
        assert counts[-1] == (10 if name == "sn_median" else 0)
    assert set(profile.bins["z"][:-1]) == {N // 100}


def test_error_limits_are_of_spectra_of_like_sn(train, profile):
    sn, error = (train[name].to_numpy() for name in ("sn_median", "reconstruction_error"))
    assert len(profile.error_limits) == len(profile.sn_edges) + 1 == 4
    assert profile.error_limits == sorted(profile.error_limits, reverse=True)
    inside = sn < profile.sn_edges[0]
    assert profile.error_limits[0] == pytest.approx(np.quantile(error[inside], 0.999))
    # The last bin knows nothing of the spectra without a S/N.
    inside = sn >= profile.sn_edges[-1]
    assert profile.error_limits[-1] == pytest.approx(np.quantile(error[inside], 0.999))


def test_shares(train, profile):
    test = train.slice(0, 800)
    sn, error = (test[name].to_numpy() for name in ("sn_median", "reconstruction_error"))
    outliers = int((error > profile.error_limit(sn)).sum())
    assert profile.shares == {
        "agn": [600, 200],
        "left_out": [N + 800, 7],  # what was not drawn says nothing
        "outlier": [800 - outliers, outliers],
    }


def test_a_tally_adds_up_batches_and_leaves_out_what_is_not_known(train, profile):
    holds = pa.array([True, False, None, True] * (N // 4))
    batches = train.append_column("holds", holds).to_batches(max_chunksize=700)
    found = tally(batches, profile.edges, ["holds"])
    assert found.bins == profile.bins
    assert found.shares == {"holds": [1000, 2000]}
    missing = train.slice(0, 2).set_column(
        4, "features", pa.array([None, [0.0] * K], pa.list_(pa.float32()))
    )
    of_few = tally(missing.append_column("holds", holds[:2]).to_batches(), profile.edges, ["holds"])
    assert sum(of_few.bins["z"]) == 1
    assert of_few.shares == {"holds": [1, 1]}
