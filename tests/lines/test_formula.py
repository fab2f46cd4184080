"""The formula that SUBCLASS is, by cases that were worked out by hand."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, qmc

from galspec_spark.lines.formula import (
    CONTINUUM_ERROR,
    LOOKS,
    _looks,
    is_broad,
    margin,
    subclass,
    survival,
)

ERR = np.ones((1, 4))


def class_of(*area: float, ew: float = 10.0, err: np.ndarray = ERR) -> str:
    """Classify given H beta, [O III], H alpha and [N II], of errors 1."""
    found = subclass(np.array([area]), err, np.array([ew]), np.array([1.0]))
    return str(found[0])


def test_classes() -> None:
    assert class_of(10, 40, 30, 30) == "AGN"  # 40 > 10^0.22 * 10
    assert class_of(10, 10, 30, 30) == "STARFORMING"  # 10 < 16.6
    assert class_of(10, 10, 30, 30, ew=60) == "STARBURST"
    assert class_of(10, 40, 30, 30, ew=60) == "AGN"
    assert class_of(2.9, 40, 30, 30) == ""
    assert class_of(10, 40, 30, 30, err=np.array([[1, 1, 1, -1.0]])) == ""


def test_the_margin_is_what_is_to_spare() -> None:
    weak = margin(np.array([[3.5, 400, 100, 100.0]]), ERR)
    np.testing.assert_allclose(weak, 0.5)  # H beta decides
    area = np.array([[100.0, 200, 300, 300]])
    ratio = np.log10(2) - 0.22
    error = np.sqrt(0.01**2 + 0.005**2 + 2 * (1.2 / 300) ** 2) / np.log(10)
    np.testing.assert_allclose(margin(area, ERR), ratio / error)
    assert np.isnan(margin(area, np.array([[1, 1, 1, -1.0]])))
    assert margin(np.array([[-5.0, 200, 300, 300]]), ERR) == -8


def test_margin_and_class_agree() -> None:
    rng = np.random.default_rng(3)
    area = rng.lognormal(2.5, 1.0, (1000, 4))
    err = np.ones_like(area)
    agn = subclass(area, err, area[:, 2], err[:, 2]) == "AGN"
    np.testing.assert_array_equal(margin(area, err) > 0, agn)
    assert 50 < agn.sum() < 950


def test_broad_lines() -> None:
    def broad(area: float, err: float, sigma: float) -> bool:
        values = (np.array([[value]]) for value in (area, err, sigma, 5.0))
        return bool(is_broad(*values)[0])

    assert broad(11, 1, 230)
    assert not broad(9, 1, 230)
    assert not broad(11, 1, 220)
    assert broad(np.nan, -2, 230)  # as SDSS has it
    assert not broad(np.nan, -1, np.nan)


NOTHING = np.zeros((1, 4))


def test_survival_is_the_share_of_second_looks_that_say_the_same() -> None:
    area = np.array([[3.5, 400, 100, 100], [100, 200, 300, 300], [100, 160, 300, 300]])
    err = np.array([[1, 4, 1, 1], [20.0] * 4, [1.0] * 4])
    under = np.array([[20.0] * 4, [0.0] * 4, [100.0] * 4])
    looks = np.random.default_rng(8).normal(size=(20_000, *area.shape))
    looks = area + np.sqrt(2) * np.hypot(err, CONTINUUM_ERROR * under) * looks
    width = np.full(3, 10.0)
    first = subclass(area, err, width, width) == "AGN"
    same = [(subclass(look, err, width, width) == "AGN") == first for look in looks]
    np.testing.assert_allclose(survival(area, err, under), np.mean(same, axis=0), atol=0.012)
    # Of one line at its limit, a second look has an even chance.
    edge = np.array([[3 + 1e-9, 400, 100, 100]])
    np.testing.assert_allclose(survival(edge, ERR, NOTHING), 0.5, atol=0.003)


def test_the_looks_are_scipy_s() -> None:
    sequence = qmc.Halton(4, scramble=False).fast_forward(1).random(LOOKS)
    np.testing.assert_array_equal(_looks(), np.sqrt(2) * norm.ppf(sequence))


def test_survival_is_sure_where_nothing_is_near_and_unknown_without_a_line() -> None:
    area = np.array([[100.0, 400, 300, 300], [-9, 40, 30, 30], [100, 100, 300, 300]])
    np.testing.assert_array_equal(survival(area, np.ones((3, 4)), np.zeros((3, 4))), 1)
    assert np.isnan(survival(area[:1], np.array([[1, 1, 1, -1.0]]), NOTHING))
