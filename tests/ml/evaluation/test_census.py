"""What the table of members tells: counts, what is missing, and what leaks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from galspec_spark.errors import UserError
from galspec_spark.labels import BINARY
from galspec_spark.ml.evaluation.census import MEMBERSHIP, Census, audit_leakage, fingerprint

TYPES = {"label": pa.int32(), "fold": pa.int32(), "simulated": pa.bool_()}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in MEMBERSHIP])
GOOD = [("train", fold, label) for fold in (0, 1) for label in (0, 1) for _ in range(2)] + [
    ("test", None, 0),
    ("test", None, 1),
]


def members(rows: list[tuple], columns: tuple[str, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], SCHEMA)


def take(rows) -> Census:
    content = [
        ("sdss", "dr14", f"object-{i // 2}", False, None, label, split, fold)
        for i, (split, fold, label) in enumerate(rows)
    ]
    content += [("lamost", "dr5", "a", True, "coverage", None, None, None)] * 3
    content += [("sdss", "dr14", "b", None, None, None, None, None)]
    columns = ("survey", "release", "object_id", "simulated", "reason", "label", "split", "fold")
    return Census.take(members(content, columns), BINARY)


def test_counts():
    census = take(GOOD)
    census.check()
    assert census.counts() == {
        "spectra": 14,
        "simulated": 3,
        "selected": 11,
        "labelled": 10,
        "train": 8,
        "test": 2,
        "train_agn": 4,
        "test_agn": 1,
        "objects": 5,
        "folds": 2,
    }
    assert census.left_out() == {"coverage": 3}
    assert census.data() == "lamost dr5, sdss dr14"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the train split has no spectrum of class other"),
        (
            [r for r in GOOD if r[2] == 0],
            r"the train split has no spectrum of class AGN \(label 1\)",
        ),
        (
            [r for r in GOOD if r != ("test", None, 1)],
            "the test split has no spectrum of class AGN",
        ),
        ([r for r in GOOD if r[1] != 1], "4 training spectra in 1 folds"),
        ([("train", 0, 0), ("train", 6, 1), *GOOD[-2:]], "2 training spectra in 7 folds"),
        (
            [r for r in GOOD if r[1:] != (1, 1)],
            "fold 1 has no spectrum of class AGN.*preprocess.folds",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_named(rows, message):
    with pytest.raises(UserError, match=message):
        take(rows).check()


# --- Leaks ---

APART = [
    ("s1", "a", "train", 0),
    ("s2", "a", "train", 0),
    ("s3", "b", "train", 1),
    ("s4", "c", "test", None),
    ("s5", "c", "test", None),
    ("s6", "c", None, None),  # not used: may be of any object, and there any number of times
    ("s6", "c", None, None),
    ("s1", "a", None, None),
]


def table(*more):
    return members([*APART, *more], ("spectrum_id", "object_id", "split", "fold"))


def test_no_leak():
    audit_leakage(table())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("s7", "a", "test", None), r"objects .* fold: 1, for example a \(test, train fold 0\);"),
        (("s7", "a", "train", 2), r"objects .*: 1, for example a \(train fold 0, train fold 2\);"),
        (("s5", "c", "test", None), r"spectra more than once .*: 1, for example s5 \(2 times\)"),
        (("s4", "d", "test", None), r"spectra more than once .*: 1, for example s4 \(2 times\)"),
    ],
)
def test_a_leak_fails_with_an_example_and_what_to_do(row, message):
    with pytest.raises(UserError, match=message) as raised:
        audit_leakage(table(row))
    assert "\n" not in str(raised.value)
    assert "preprocess again" in str(raised.value)


def test_all_are_counted():
    leaks = [("s7", "c", "train", 0), ("s8", "b", "test", None), ("s8", "b", "test", None)]
    with pytest.raises(UserError, match=r"objects .*: 2, for example b \(test, train fold 1\)"):
        audit_leakage(table(*leaks))


def test_the_fingerprint_is_of_the_rows_used_in_any_order():
    found = fingerprint(table())
    assert len(found) == 16
    assert fingerprint(table().take([3, 7, 0, 2, 1, 4])) == found  # of the unused, one is left
    assert fingerprint(pa.concat_tables([table().slice(4), table().slice(0, 4)])) == found
    for column, value in (("spectrum_id", "s9"), ("label", 1), ("split", "test"), ("fold", 0)):
        field = SCHEMA.field(column)
        values = table()[column].to_pylist()
        values[2] = value
        changed = pa.array(values, field.type)
        other = table().set_column(SCHEMA.names.index(column), field, changed)
        assert fingerprint(other) != found
