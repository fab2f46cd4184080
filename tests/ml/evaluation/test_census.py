from __future__ import annotations

import pytest

from galspec_spark.errors import UserError
from galspec_spark.ml.evaluation.census import Census

COLUMNS = (
    "survey string, release string, object_id string, reason string, label int, split string, "
    "fold int"
)
GOOD = [("train", fold, label) for fold in (0, 1) for label in (0, 1) for _ in range(2)] + [
    ("test", None, 0),
    ("test", None, 1),
]


def take(spark, rows) -> Census:
    content = [
        ("sdss", "dr14", f"object-{i // 2}", None, label, split, fold)
        for i, (split, fold, label) in enumerate(rows)
    ]
    content += [("lamost", "dr5", "a", "coverage", None, None, None)] * 3
    content += [("sdss", "dr14", "b", None, None, None, None)]
    return Census.take(spark.createDataFrame(content, COLUMNS))


def test_counts(spark):
    census = take(spark, GOOD)
    census.check(components=8)
    assert census.counts() == {
        "spectra": 14,
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
def test_what_cannot_be_trained_on_is_named(spark, rows, message):
    with pytest.raises(UserError, match=message):
        take(spark, rows).check(components=1)


def test_more_components_than_spectra(spark):
    with pytest.raises(UserError, match=r"9 components of 8 .* set train.components to 8 or less"):
        take(spark, GOOD).check(components=9)
