"""Releases shifted on purpose are found, undisturbed ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from galspec_spark.catalog.stage import classify
from galspec_spark.errors import UserError
from galspec_spark.ml.model.drift import Check, Drift
from galspec_spark.release.drift import drift, kolmogorov_smirnov, stability_index
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import SHIFTS, draw, write_release

ROWS = 1000


@pytest.fixture(scope="module")
def classified(spark, release_model, tmp_path_factory, run_of):
    """A warehouse of ten undisturbed releases and the shifted ones, classified by the model."""
    root = tmp_path_factory.mktemp("releases")
    for seed in range(10):
        write_release(root, f"draw{seed}", draw(100 + seed, ROWS))
    for number, (name, shift) in enumerate(SHIFTS.items()):
        write_release(root, name, draw(200 + number, ROWS, shift))
    classify(spark, run_of("classify"), Warehouse(root), release_model, None)
    return Warehouse(root)


@pytest.mark.parametrize("seed", range(10))
def test_an_undisturbed_draw_passes(classified, release_model, run_of, tmp_path, seed):
    found = drift(run_of(), classified, release_model, f"draw{seed}", tmp_path)
    assert found["findings"] == []
    assert found["classified"] == ROWS


@pytest.mark.parametrize(
    ("shift", "quantity"),
    [
        ("redshifted", "z"),
        ("noisier", "sn_median"),
        ("mis-calibrated", "coefficient_2"),
        ("sky", "outlier"),
    ],
)
def test_a_shifted_release_is_found(classified, release_model, run_of, tmp_path, shift, quantity):
    found = drift(run_of(), classified, release_model, shift, tmp_path)
    assert quantity in {check.quantity for check in found["findings"]}
    written = Drift.model_validate_json((tmp_path / "drift.json").read_bytes())
    assert written.drifted
    assert list(written.findings) == found["findings"]
    assert found["found"] == [check.in_words() for check in written.findings]
    assert (tmp_path / "figures" / "drift.png").read_bytes().startswith(b"\x89PNG")


def test_a_check_in_words_is_rounded_and_names_what_it_measures():
    check = Check("z", "psi", 0.61234, 0.2, 1e-9, drifted=True)
    assert check.in_words() == "z: population stability index 0.61, limit 0.2"
    share = Check("agn", "share", 0.2, 0.05, 1e-9, True, train=0.1, release=0.30004)
    assert share.in_words() == (
        "agn: 30.0% of the release, 10.0% of the training set, may differ by 5.0%"
    )


def test_limits_are_those_of_the_configuration(classified, release_model, run_of, tmp_path):
    generous = dict.fromkeys(("psi_max", "ks_max"), 100)
    generous |= {f"{name}_share_max": 1 for name in ("agn", "outlier", "left_out")}
    found = drift(run_of(drift=generous), classified, release_model, "sky", tmp_path)
    assert found["findings"] == []


def test_a_release_that_is_not_classified_is_named(classified, release_model, run_of, tmp_path):
    with pytest.raises(
        UserError, match=r"no catalogue of release dr99 by .*: run galspec classify"
    ):
        drift(run_of(), classified, release_model, "dr99", tmp_path)


def test_distances_of_draws_from_the_same_are_as_likely_as_they_say():
    random = np.random.default_rng(3)
    shares = np.full(10, 0.1)
    pairs = [[random.multinomial(n, shares).astype(float) for n in (4000, 800)] for _ in range(400)]
    p_values = [stability_index(*pair)[1] for pair in pairs]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    # At the bins' edges only, the distance is smaller: the p-value is on the safe side.
    assert np.mean([kolmogorov_smirnov(*pair)[1] < 0.05 for pair in pairs]) < 0.05


def test_distances_are_those_of_scipy_and_of_the_definition():
    train, release = np.array([10.0, 20, 30, 40]), np.array([20.0, 20, 20, 20])
    values = [np.repeat(np.arange(4), counts.astype(int)) for counts in (train, release)]
    distance, _ = kolmogorov_smirnov(train, release)
    assert distance == pytest.approx(stats.ks_2samp(*values).statistic)
    index, _ = stability_index(train * 1e6, release * 1e6)
    p, q = train / 100, release / 80
    assert index == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), rel=1e-6)
