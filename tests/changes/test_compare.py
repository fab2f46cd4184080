"""Planted changes are found; noise, calibration and depth are not taken for any."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from galspec_spark.changes.compare import (
    COMPARED,
    FALSE_SHARE,
    Observations,
    candidates,
    common_scale,
    compare,
    needed_sigma,
)
from galspec_spark.config import ChangesConfig
from galspec_spark.lines.formula import FORMULA_LINES, subclass
from tests.changes.pairs import BALMER, OF_BALMER, galaxies, observe

PAIRS = 4000
FOUR = [COMPARED.index(name) for name in FORMULA_LINES]


def is_agn(seen: Observations) -> np.ndarray:
    zero = np.zeros(len(seen.area))
    return np.char.equal(subclass(seen.area[:, FOUR], seen.area_err[:, FOUR], zero, zero), "AGN")


@pytest.mark.parametrize("depth", [1.0, 0.3, 3.0])
@pytest.mark.parametrize("sigma", [5.0, 2.0])
def test_unchanged_objects_are_no_candidates(depth: float, sigma: float) -> None:
    """Also where one observation is much deeper, or the limit is one that noise often reaches."""
    random = np.random.default_rng(1)
    truth, galaxy = galaxies(random, PAIRS)
    first, second = (observe(random, truth, galaxy, noise) for noise in (1.0, depth))
    changed_class = is_agn(first) != is_agn(second)
    found = compare(first, second, ChangesConfig())
    by_line, by_class = candidates(found, changed_class, sigma)
    assert changed_class.mean() > 0.05  # noise alone changes many a class
    assert (by_line | by_class).mean() < 0.01


def planted(size: np.ndarray, truth: np.ndarray, galaxy: Observations) -> np.ndarray:
    """Return what to add to an area for a change of so many sigma, which has a calibration too.

    Templates are allowed to be off by twice their usual error.
    """
    config, step = ChangesConfig(), np.zeros_like(truth)
    templates = np.hypot(config.continuum, 2 * OF_BALMER * BALMER)
    others = 2 * galaxy.area_err**2 + 2 * (templates * galaxy.continuum * galaxy.width) ** 2
    for _ in range(40):
        step = size * np.sqrt(others + (config.calibration * (truth + step / 2)) ** 2)
    return step


def test_planted_changes_are_found() -> None:
    """Of changes that are above 5 sigma by more than their own noise: 99 %, in the right line."""
    random = np.random.default_rng(2)
    truth, galaxy = galaxies(random, PAIRS)
    line = np.arange(len(COMPARED)) == random.integers(len(COMPARED), size=PAIRS)[:, None]
    size = random.uniform(7.5, 20, (PAIRS, 1))
    grows = random.choice([True, False], (PAIRS, 1))
    changed = truth + line * planted(size, truth, galaxy)
    first = observe(random, np.where(grows, truth, changed), galaxy, 1.0)
    second = observe(random, np.where(grows, changed, truth), galaxy, 1.0)
    config = ChangesConfig()
    found = compare(first, second, config)
    by_line, _ = candidates(found, np.zeros(PAIRS, bool), config.sigma)
    assert by_line.mean() > 0.99
    largest = np.arange(len(COMPARED)) == np.abs(found.change).argmax(axis=1)[:, None]
    assert (largest == line).all(axis=1)[by_line].mean() > 0.99
    assert ((found.change[line] > 0) == grows[:, 0])[by_line].all()


def test_a_change_of_class_is_found_where_no_line_reaches_the_limit() -> None:
    random = np.random.default_rng(3)
    _, galaxy = galaxies(random, 500)
    before = np.tile(np.sqrt(galaxy.continuum[:, :1]) * 40, len(COMPARED))  # all ratios are 1
    after = before.copy()
    for name, factor in (("oiii_5007", 1.4), ("nii_6583", 1.4), ("h_beta", 0.7), ("h_alpha", 0.7)):
        after[:, COMPARED.index(name)] *= factor
    first, second = observe(random, before, galaxy, 1.0), observe(random, after, galaxy, 1.0)
    changed = is_agn(second) & ~is_agn(first)
    found = compare(first, second, ChangesConfig())
    by_line, by_class = candidates(found, changed, ChangesConfig().sigma)
    assert changed.mean() > 0.95
    short = changed & ~by_line
    assert short.mean() > 0.2
    assert by_class[short].mean() > 0.6
    assert (found.margin_change[by_class] > 0).all()


def test_errors_are_those_that_are_stated() -> None:
    """By hand: one line, scale 2."""
    one = {"area": 10.0, "area_err": 3.0, "continuum": 5.0, "continuum_err": 0.05, "width": 4.0}
    two = {"area": 40.0, "area_err": 4.0, "continuum": 10.0, "continuum_err": 0.1, "width": 6.0}
    first, second = (
        Observations(**{k: np.full((1, len(COMPARED)), v) for k, v in each.items()})
        for each in (one, two)
    )
    second.continuum[0, 0] = 12.0
    found = compare(first, second, ChangesConfig(calibration=0.1, continuum=0.2))
    scale_err = np.sqrt(np.pi / 2) * np.hypot(0.01, 0.01) / 4
    common = 16 + 36 + 3**2 + (0.2 * 40) ** 2 + (20 * scale_err) ** 2
    assert found.scale == pytest.approx(2)
    assert found.change[0, 1:] == pytest.approx(20 / np.sqrt(common + (0.2 * 60) ** 2))
    assert found.change[0, 0] == pytest.approx(20 / np.sqrt(common + (0.2 * 72) ** 2 + 10**2))


def test_a_scale_is_not_moved_by_some_levels_and_needs_three() -> None:
    random = np.random.default_rng(4)
    truth, galaxy = galaxies(random, 300)
    first, second = observe(random, truth, galaxy, 0.1), observe(random, truth, galaxy, 0.1)
    second.continuum[:, :4] *= 5
    scale, error = common_scale(first, second)
    true = np.median(second.continuum[:, 4:] / first.continuum[:, 4:], axis=1)
    assert np.abs(scale / true - 1).max() < 0.03
    assert np.all(error < 0.01)
    second.continuum[0, 2:] = np.nan
    second.continuum_err[1, 2:] = second.continuum[1, 2:]
    second.continuum[2, 3:] = -1.0
    scale, _ = common_scale(first, second)
    assert list(np.isnan(scale[:4])) == [True, True, False, False]
    assert np.isnan(compare(first, second, ChangesConfig()).change[:2]).all()


@pytest.mark.parametrize("tried", [1, 5, 16])
def test_the_limit_knows_of_the_number_of_lines(tried: int) -> None:
    normals = np.random.default_rng(tried).normal(size=(200_000, tried))
    share = (np.abs(normals).max(axis=1) > needed_sigma(tried)).mean()
    assert share == pytest.approx(FALSE_SHARE, rel=0.1)
    assert needed_sigma(1) == pytest.approx(stats.norm.isf(FALSE_SHARE / 2))
