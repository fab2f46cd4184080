"""Plates and fibres that stand out, and how often chance makes one."""

from __future__ import annotations

from math import comb

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.diff.narrow import NARROW
from galspec_spark.diff.rates import RATES, Rate, find_rates, rates_table
from tests.warehouses import with_columns

PLATES, FIBRES = 10, 40


def spectra(**columns: object) -> pa.Table:
    number = np.arange(PLATES * FIBRES)
    usual = {"plate": number // FIBRES + 1, "fiber": number % FIBRES + 1, "field": None}
    usual |= {"key": "k", "row": 0, "part": "p"}
    values = {
        name: value if isinstance(value, np.ndarray) else [value] * len(number)
        for name, value in (usual | columns).items()
    }
    return with_columns(pa.table(values), NARROW, {"survey": "sdss"})


def rates(flags: np.ndarray, **columns: object) -> list[Rate]:
    counted = {"flipped": np.zeros(len(flags), bool), "changed": flags}
    return find_rates(spectra(**columns), NARROW.empty_table(), counted)


def test_a_fibre_that_failed_is_the_only_one_that_stands_out() -> None:
    flags = np.arange(PLATES * FIBRES) % FIBRES == 6
    found = rates(flags)
    (rate,) = [rate for rate in found if rate.stands_out]
    assert rate.group == ("fibre", "sdss", "7")
    assert (rate.changed, rate.spectra, rate.expected) == (10, 10, 0.025)
    assert rate.p_value == pytest.approx(1 / comb(PLATES * FIBRES, 10))
    assert rates_table(found).schema.equals(RATES)


def test_a_plate_that_vanished_stands_out() -> None:
    rows = spectra()
    gone = np.arange(len(rows)) // FIBRES == 3
    pairs, vanished = rows.filter(pa.array(~gone)), rows.filter(pa.array(gone))
    none = np.zeros(len(pairs), bool)
    found = find_rates(pairs, vanished, {"flipped": none, "changed": none})
    assert [rate.group for rate in found if rate.stands_out] == [("plate", "sdss", "4")]


def test_changes_anywhere_make_nothing_stand_out() -> None:
    random = np.random.default_rng(1)
    several = [rates(random.random(PLATES * FIBRES) < 0.2) for _ in range(60)]
    # Of 60, at one in a hundred each, more than 3 have one in 3 of 1000 cases.
    assert sum(any(rate.stands_out for rate in found) for found in several) <= 3
    assert min(rate.p_value for found in several for rate in found) < 0.01


def test_each_spectrograph_has_its_own_fibres() -> None:
    number = np.arange(PLATES * FIBRES)
    field = np.array(["GAC_sp01", "GAC_sp02"])[number % 2]
    found = rates(np.zeros(len(number), bool), plate=None, field=field)
    names = {rate.name for rate in found if rate.kind == "fibre"}
    assert {"sp01 1", "sp02 2"} <= names
    assert {rate.name for rate in found if rate.kind == "plate"} == {"GAC_sp01", "GAC_sp02"}


def test_spectra_without_fibres_have_no_rates() -> None:
    assert rates(np.ones(PLATES * FIBRES, bool), plate=None, fiber=None) == []
