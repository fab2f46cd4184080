from __future__ import annotations

import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.audit import audit_leakage

COLUMNS = "spectrum_id string, object_id string, split string, fold int"
GOOD = [
    ("s1", "a", "train", 0),
    ("s2", "a", "train", 0),
    ("s3", "b", "train", 1),
    ("s4", "c", "test", None),
    ("s5", "c", "test", None),
    ("s6", "c", None, None),  # not used: may be of any object, and there any number of times
    ("s6", "c", None, None),
    ("s1", "a", None, None),
]


def table(spark, *more):
    return spark.createDataFrame([*GOOD, *more], COLUMNS)


def test_no_leak(spark):
    audit_leakage(table(spark))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("s7", "a", "test", None), r"objects .* fold: 1, for example a \(test, train fold 0\);"),
        (("s7", "a", "train", 2), r"objects .*: 1, for example a \(train fold 0, train fold 2\);"),
        (("s5", "c", "test", None), r"spectra more than once .*: 1, for example s5 \(2 times\)"),
        (("s4", "d", "test", None), r"spectra more than once .*: 1, for example s4 \(2 times\)"),
    ],
)
def test_a_leak_fails_with_an_example_and_what_to_do(spark, row, message):
    with pytest.raises(UserError, match=message) as raised:
        audit_leakage(table(spark, row))
    assert "\n" not in str(raised.value)
    assert "preprocess again" in str(raised.value)


def test_all_are_counted(spark):
    leaks = [("s7", "c", "train", 0), ("s8", "b", "test", None), ("s8", "b", "test", None)]
    with pytest.raises(UserError, match=r"objects .*: 2, for example b \(test, train fold 1\)"):
        audit_leakage(table(spark, *leaks))
