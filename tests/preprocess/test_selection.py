"""Labels, reasons, draws, splits and folds, each on hand-made rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from galspec_spark.api.frame import label_column
from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.preprocess.selection import (
    REASONS,
    UNLABELLED,
    draw,
    is_duplicate,
    labels,
    positions,
    reasons,
    splits,
)
from galspec_spark.readers.batch import NO_INFORMATION
from galspec_spark.warehouse.schemas import CATALOGUE

GOOD: dict[str, Any] = {
    "spectrum_id": "0", "file": "a", "quality": 0, "source_type": "GALAXY", "zwarning": 0,
    "class": "GALAXY", "z": 0.1, "coverage": 1.0, "has_scale": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("subclass", "expected"),
    [
        ("AGN", 1),
        ("AGN BROADLINE", 1),
        ("STARFORMING", 0),
        ("STARBURST BROADLINE", 0),
        ("", 0),
        ("BROADLINE", 0),
        (" agn\tBroadline ", 1),
        ("StarForming  ", 0),
        ("  ", 0),
        ("A2II (39866)", UNLABELLED),
        (None, UNLABELLED),
    ],
)
def test_label_policy(subclass: str | None, expected: int) -> None:
    column = pa.chunked_array([["other"], [subclass, "AGN"]], pa.string())
    assert labels(column, LabelConfig()).tolist() == [UNLABELLED, expected, 1]


def test_another_policy_counts_broad_lines_as_agn() -> None:
    policy = LabelConfig({"AGN": ("AGN", "BROADLINE"), "other": ("", "STARFORMING")})
    column = pa.chunked_array([["BROADLINE", "STARBURST"]])
    assert labels(column, policy).tolist() == [1, UNLABELLED]


FOUR = LabelConfig(
    {
        "AGN": ("AGN",),
        "star-forming": ("STARFORMING", "Broadline Starforming"),
        "starburst": ("STARBURST", "STARBURST BROADLINE", "both"),
        "quiescent": ("", "BROADLINE", "both"),
    }
)


def test_four_classes_are_told_apart_by_what_names_subclass_as_it_is() -> None:
    assert FOUR.classes.names == ("quiescent", "star-forming", "starburst", "AGN")
    expected = {
        "": 0, " ": 0, "BROADLINE": 0, "STARFORMING": 1, "STARFORMING BROADLINE": 1,
        "starburst  broadline": 2, "STARBURST": 2, "AGN": 3, "AGN STARBURST": 3,
        "STARFORMING STARBURST": UNLABELLED, "BOTH": UNLABELLED, "BOTH BROADLINE": UNLABELLED,
        "QSO": UNLABELLED, None: UNLABELLED,
    }  # fmt: skip
    column = pa.chunked_array([list(expected)], pa.string())
    assert labels(column, FOUR).tolist() == list(expected.values())


def test_by_spark_four_classes_are_the_same(spark: SparkSession) -> None:
    texts = ["", "BROADLINE", "StarForming", "BROADLINE  STARFORMING", "STARBURST", "AGN BROADLINE"]
    texts += ["STARFORMING STARBURST", "BOTH", "BOTH BROADLINE", "STARBURST BROADLINE", "QSO"]
    frame = spark.createDataFrame([(text,) for text in texts], ["subclass"])
    found = frame.select(label_column(F.col("subclass"), FOUR)).toPandas().iloc[:, 0]
    expected = labels(pa.chunked_array([texts]), FOUR)
    assert found.fillna(UNLABELLED).tolist() == expected.tolist()


def test_neither_case_nor_blanks_matter_in_the_settings() -> None:
    policy = LabelConfig({"AGN": (" agn",), "other": ("", "StarForming")})
    assert labels(pa.chunked_array([["AGN", "STARFORMING"]]), policy).tolist() == [1, 0]
    rows = pa.Table.from_pylist([GOOD], pa.schema(CATALOGUE))
    assert reasons(rows, is_duplicate(rows), PreprocessConfig(classes=("galaxy ",))).tolist() == [
        ""
    ]


def test_each_reason() -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("", {"zwarning": 16}),  # MANY_OUTLIERS alone is a bright galaxy's
        ("", {"source_type": None, "zwarning": None}),
        ("no_information", {"quality": NO_INFORMATION, "class": "STAR"}),
        ("", {"class": " Galaxy "}),
        ("sky", {"source_type": "SKY"}),
        ("sky", {"source_type": "sky "}),
        ("sky", {"zwarning": 1}),
        ("class", {"class": "QSO"}),
        ("zwarning", {"zwarning": 4}),
        ("z_range", {"z": 0.00001}),
        ("z_range", {"z": float("nan"), "coverage": None, "has_scale": None}),
        ("z_range", {"z": None, "coverage": None, "has_scale": None}),
        ("coverage", {"coverage": 0.94, "has_scale": False}),
        ("normalise", {"has_scale": False}),
    ]
    rows = [{**GOOD, **change, "spectrum_id": f"{i:02d}"} for i, (_, change) in enumerate(cases)]
    rows.append({**GOOD, "spectrum_id": "00", "file": "b"})
    table = pa.Table.from_pylist(rows, pa.schema(CATALOGUE))
    found = reasons(table, is_duplicate(table), PreprocessConfig())
    assert found.tolist() == [*(reason for reason, _ in cases), "duplicate"]
    assert set(found) - {""} <= set(REASONS)


def test_the_first_file_of_a_spectrum_is_used() -> None:
    rows = {"spectrum_id": ["x", "y", "x", "x"], "file": ["b", "c", "a", "b"]}
    assert is_duplicate(pa.table(rows)).tolist() == [True, False, False, True]
    assert is_duplicate(pa.table({name: pa.array([], "string") for name in rows})).tolist() == []


def test_positions_are_even_and_known_for_ever() -> None:
    names = [f"sdss-dr14-0266-51630-{i:04d}" for i in range(4000)]
    place = positions(names, seed=1)
    counts, _ = np.histogram(place, 10, (0, 1))
    assert abs(counts - 400).max() < 80  # four standard deviations
    # A change of these numbers would move objects between train and test.
    np.testing.assert_allclose(
        place[:2], [0.24517196744235512, 0.9099965989070955], rtol=0, atol=1e-12
    )
    assert abs(np.corrcoef(place, positions(names, seed=2))[0, 1]) < 0.06


def test_splits_and_folds_are_thresholds() -> None:
    config = PreprocessConfig(folds=4, test_fraction=0.2)
    is_test, fold = splits(np.array([0.0, 0.199, 0.2, 0.399, 0.41, 0.61, 0.81, 1 - 1e-12]), config)
    assert is_test.tolist() == [True, True, *[False] * 6]
    assert fold[~is_test].tolist() == [0, 0, 1, 2, 3, 3]


def test_the_draw_is_exact_and_repeatable() -> None:
    names = pa.chunked_array([[f"s{i}" for i in range(300)]])
    usable = np.arange(300) >= 10
    drawn = draw(names, usable, PreprocessConfig(sample=100))
    assert drawn.sum() == 100
    assert not drawn[:10].any()
    backwards = draw(
        pa.chunked_array([names.to_pylist()[::-1]]), usable[::-1], PreprocessConfig(sample=100)
    )
    np.testing.assert_array_equal(backwards[::-1], drawn)
    other = draw(names, usable, PreprocessConfig(sample=100, seed=2))
    assert (other != drawn).any()
    np.testing.assert_array_equal(draw(names, usable, PreprocessConfig(sample=1000)), usable)
