"""Prediction sets: what they promise, on draws that are exchangeable by construction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from galspec_spark.labels import BINARY, Classes
from galspec_spark.ml.evaluation.prediction_sets import (
    GREATEST,
    ClassLimits,
    PredictionSets,
    conformal_limit,
    set_names,
    sets_by_class,
    sets_of_all,
)

LEVEL = 0.9
COUNTS = (150, 19)  #: calibration spectra, by class
REPEATS = 1500


def continuous(random: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Draw probabilities of a poor classifier of a rare class."""
    return random.beta(1 + labels, 6 - 2 * labels)


def tied(random: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Draw probabilities that are 0 or 1, as of a rule, and wrong for one in four AGN."""
    return np.where(random.random(len(labels)) < np.where(labels, 0.25, 0.05), 1 - labels, labels)


def by_class(labels: np.ndarray, p: np.ndarray, sn: np.ndarray) -> PredictionSets:
    return sets_by_class(labels, p, sn, LEVEL)


def of_all(labels: np.ndarray, p: np.ndarray, sn: np.ndarray) -> PredictionSets:
    return sets_of_all(labels, p, LEVEL)


def covered(draw, make_sets, label: int) -> int:
    """Return how many new spectra of a class have it in their set, each with a calibration."""
    random = np.random.default_rng(5)
    labels = np.append(np.repeat([0, 1], COUNTS), label)
    found = 0
    for _ in range(REPEATS):
        p = draw(random, labels).astype(float)
        sn = random.lognormal(size=len(labels))
        sets = make_sets(labels[:-1], p[:-1], sn[:-1])
        found += sets.contain(p[-1:], sn[-1:])[0, label]
    return int(found)


@pytest.mark.parametrize("label", [0, 1])
def test_sets_hold_each_class_with_the_level(label):
    """Without ties, exactly ceil((n + 1) level) / (n + 1) of new spectra are covered."""
    n = COUNTS[label]
    expected = np.ceil((n + 1) * LEVEL) / (n + 1)
    found = covered(continuous, by_class, label)
    assert binomtest(found, REPEATS, expected).pvalue > 1e-3


@pytest.mark.parametrize("label", [0, 1])
def test_ties_make_sets_larger_only(label):
    found = covered(tied, by_class, label)
    assert binomtest(found, REPEATS, LEVEL, "less").pvalue > 1e-3


def test_marginal_sets_miss_the_rare_class():
    found = [covered(continuous, of_all, label) for label in (0, 1)]
    in_all = np.average(found, weights=COUNTS)
    assert binomtest(round(in_all), REPEATS, LEVEL, "less").pvalue > 1e-3
    assert found[1] < 0.6 * REPEATS


def test_limits_are_the_ranks_of_each_class():
    labels = np.array([0] * 9 + [1] * 4)
    p = np.array([0.9, *np.arange(1, 9) / 10, 0.5, 0.6, 0.75, 1.0])
    sets = sets_by_class(labels, p, np.arange(13.0), 0.8)
    assert sets.level == 0.8
    assert sets.of_class[0] == ClassLimits(9, 0.8, (), (0.8,))  # 8th of 9
    assert sets.of_class[1] == ClassLimits(4, 0.5, (), (0.5,))  # 4th of 4
    assert [each.limit for each in sets_of_all(labels, p, 0.5).of_class] == [0.4, 0.4]  # 7th of 13


@pytest.mark.parametrize(
    ("n", "level", "rank"),
    [(9, 0.9, 9), (8, 0.9, None), (99, 0.55, 55), (0, 0.1, None), (1, 0.5, 1)],
)
def test_the_rank_is_exact_and_too_few_exclude_nothing(n, level, rank):
    values = np.random.default_rng(1).permutation(np.arange(1, n + 1) / 1000)
    expected = GREATEST if rank is None else rank / 1000
    assert conformal_limit(values, level) == expected


def test_a_class_with_too_few_spectra_is_in_every_set():
    labels = np.array([0] * 20 + [1] * 3)
    sets = sets_by_class(labels, np.linspace(0, 1, 23), np.ones(23), 0.9)
    assert sets.contain(np.linspace(0, 1, 11), np.ones(11))[:, 1].all()


def test_a_value_at_the_limit_is_within():
    p = np.array([0.1, 0.7, 0.7, 0.7, 0.9])
    sets = sets_by_class(np.ones(5, int), p, np.ones(5), 0.5)
    assert sets.contain(np.array([0.69, 0.7]), np.ones(2))[:, 1].tolist() == [False, True]


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 90.0, float("nan")])
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        conformal_limit(np.array([0.1]), level)


def test_sets_have_names():
    assert BINARY.set_names == ("empty", "other", "AGN", "other|AGN")
    narrow, wide = (
        PredictionSets(0.9, tuple(ClassLimits(9, each, (), (each,)) for each in limits))
        for limits in ((0.2, 0.3), (0.6, 0.6))
    )
    p, sn = np.array([0.1, 0.5, 0.9]), np.full(3, np.nan)
    assert set_names(narrow.contain(p, sn), BINARY).tolist() == ["other", "empty", "AGN"]
    assert set_names(wide.contain(p, sn), BINARY).tolist() == ["other", "other|AGN", "AGN"]


def test_sets_of_three_classes_hold_each_with_the_level():
    names = Classes.of(["b", "AGN", "a"])
    assert names.set_names == ("empty", "a", "b", "a|b", "AGN", "a|AGN", "b|AGN", "a|b|AGN")
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, 30_000)
    p = random.dirichlet(np.ones(3), 30_000) + 0.5 * np.eye(3)[labels]
    p /= p.sum(axis=1, keepdims=True)
    sn = random.lognormal(size=30_000)
    sets = sets_by_class(labels[:15_000], p[:15_000], sn[:15_000], LEVEL)
    contain = sets.contain(p[15_000:], sn[15_000:])
    shares = [contain[labels[15_000:] == label, label].mean() for label in range(3)]
    assert shares == pytest.approx([LEVEL] * 3, abs=0.015)
    assert len({each.limit for each in sets_of_all(labels, p, LEVEL).of_class}) == 1
    assert set_names(contain[:1], names)[0] in names.set_names


def test_the_level_holds_at_every_sn_where_a_class_has_enough_spectra():
    """Noise hides AGN: with one limit, sets of AGN of low S/N hold them too seldom."""
    random = np.random.default_rng(8)
    n = 24_000
    labels = (random.random(n) < 0.1).astype(int)
    sn = random.lognormal(2.5, 0.5, n)
    p = 1 / (1 + np.exp(-(2 * labels - 1) * sn / 8 - random.normal(size=n)))
    half = slice(n // 2), slice(n // 2, n)
    fit, new = half
    by_sn = sets_by_class(labels[fit], p[fit], sn[fit], LEVEL)
    one = PredictionSets(
        LEVEL, tuple(ClassLimits(e.count, e.limit, (), (e.limit,)) for e in by_sn.of_class)
    )
    assert [len(each.limits) for each in by_sn.of_class] == [5, 5]
    for label, limits in enumerate(by_sn.of_class):
        place = np.searchsorted(limits.edges, sn[new], side="right")
        for number in range(5):
            inside = (labels[new] == label) & (place == number)
            found = by_sn.contain(p[new], sn[new])[inside, label]
            assert binomtest(int(found.sum()), len(found), LEVEL).pvalue > 1e-3
    faint = (labels[new] == 1) & (sn[new] < by_sn.of_class[1].edges[0])
    assert one.contain(p[new], sn[new])[faint, 1].mean() < LEVEL - 0.03


def test_a_spectrum_without_sn_has_the_limit_of_all():
    limits = ClassLimits(900, 0.5, (10.0,), (0.6, 0.4))
    assert limits.at(np.array([np.nan, 9.9, 10.0])).tolist() == [0.5, 0.6, 0.4]
    nothing = sets_by_class(np.zeros(9, int), np.full(9, 0.2), np.full(9, np.nan), 0.5)
    assert nothing.of_class[0].edges == ()
