"""Labels, reasons, links, draws, splits and folds, each on hand-made rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.preprocess.objects import LINK_ARCSEC, link_objects, mark_primary
from galspec_spark.preprocess.selection import (
    REASONS,
    draw_sample,
    label,
    reason_from_catalogue,
    split_and_folds,
)
from galspec_spark.readers.batch import NO_INFORMATION
from galspec_spark.warehouse.storage import Location

ARCSEC = 1 / 3600


def objects_of(
    spark: SparkSession,
    scratch: Path,
    rows: list[tuple[str, str | None, float | None, float | None]],
) -> dict[str, str]:
    frame = spark.createDataFrame(
        rows, "spectrum_id string, object_id string, ra double, dec double"
    )
    linked = link_objects(frame.coalesce(1), Location.of(scratch))
    return {row.spectrum_id: row.object_id for row in linked.collect()}


def test_observations_of_one_object_are_linked(spark: SparkSession, tmp_path: Path) -> None:
    near, far = 0.9 * LINK_ARCSEC * ARCSEC, 10 * LINK_ARCSEC * ARCSEC
    linked = objects_of(
        spark,
        tmp_path,
        [
            ("a", "bestobjid-1", 10.0, 0.0),
            ("b", "thing-7", 10.0 + near, 0.0),  # another survey's number, the same place
            ("c", "bestobjid-1", 10.0 + far, 0.0),  # the same number, another part of the galaxy
            ("d", "bestobjid-2", 10.0, far),
            ("l", None, 10.0, far + 1.1 * LINK_ARCSEC * ARCSEC),  # a neighbour, not the same
            ("e", None, 10.0, 60.0),
            ("f", None, 10.0 + near / math.cos(math.radians(60)), 60.0),
            ("g", "bestobjid-3", None, None),
            ("h", None, float("nan"), 0.0),
            ("i", "bestobjid-3", 50.0, 0.0),
            ("j", None, 0.0, -5.0),
            ("k", None, 360.0 - near, -5.0),
        ],
    )
    assert linked["a"] == linked["b"] == linked["c"] == "a"
    assert linked["d"] == "d"
    assert linked["l"] == "l"
    assert linked["e"] == linked["f"] == "e"
    assert linked["g"] == linked["i"] == "g"
    assert linked["h"] == "h"
    assert linked["j"] == linked["k"] == "j"


def test_links_are_followed_to_the_end(spark: SparkSession, tmp_path: Path) -> None:
    step = 0.9 * LINK_ARCSEC * ARCSEC
    chain = [(f"{i:02d}", None, 100.0, 20 + i * step) for i in range(12)]
    assert set(objects_of(spark, tmp_path, chain).values()) == {"00"}


def test_near_positions_are_always_linked(spark: SparkSession, tmp_path: Path) -> None:
    """No border between cells divides a pair, anywhere on the sky."""
    pairs = []
    for i in range(300):
        ra, dec = (i * 137.508) % 360, math.degrees(math.asin(1 - 2 * (i + 0.5) / 300))
        shift = 0.999 * LINK_ARCSEC * ARCSEC
        angle = i * 2.4
        pairs.append((f"{i:03d}a", None, ra, dec))
        ra_shift = shift * math.cos(angle) / math.cos(math.radians(dec))
        pairs.append((f"{i:03d}b", None, (ra + ra_shift) % 360, dec + shift * math.sin(angle)))
    linked = objects_of(spark, tmp_path, pairs)
    assert all(linked[f"{i:03d}b"] == f"{i:03d}a" for i in range(300))


@pytest.mark.parametrize(
    ("subclass", "expected"),
    [
        ("AGN", 1),
        ("AGN BROADLINE", 1),
        ("STARFORMING", 0),
        ("STARBURST BROADLINE", 0),
        ("", 0),
        ("BROADLINE", 0),
        ("A2II (39866)", None),
        (None, None),
    ],
)
def test_label_policy(spark: SparkSession, subclass: str | None, expected: int | None) -> None:
    frame = spark.createDataFrame([(subclass,)], "subclass string")
    assert frame.select(label(LabelConfig()).alias("label")).collect()[0].label == expected


def test_another_policy_counts_broad_lines_as_agn(spark: SparkSession) -> None:
    policy = LabelConfig(agn=("AGN", "BROADLINE"), other=("", "STARFORMING"))
    frame = spark.createDataFrame([("BROADLINE",), ("STARBURST",)], "subclass string")
    assert [row[0] for row in frame.select(label(policy)).collect()] == [1, None]


def test_each_reason(spark: SparkSession) -> None:
    good: dict[str, Any] = {
        "spectrum_id": "0", "file": "a", "quality": 0, "source_type": "GALAXY", "zwarning": 0,
        "class": "GALAXY", "z": 0.1,
    }  # fmt: skip
    cases: list[tuple[str | None, dict[str, Any]]] = [
        (None, {}),
        (None, {"zwarning": 16}),  # MANY_OUTLIERS alone is a bright galaxy's
        (None, {"source_type": None}),
        ("no_information", {"quality": NO_INFORMATION, "class": "STAR"}),
        ("sky", {"source_type": "SKY"}),
        ("sky", {"zwarning": 1}),
        ("class", {"class": "QSO"}),
        ("zwarning", {"zwarning": 4}),
        ("z_range", {"z": 0.00001}),
        ("z_range", {"z": float("nan")}),
        ("z_range", {"z": None}),
    ]
    rows = [{**good, **change, "spectrum_id": f"{i:02d}"} for i, (_, change) in enumerate(cases)]
    rows.append({**good, "spectrum_id": "00", "file": "b"})
    schema = (
        "spectrum_id string, file string, quality int, source_type string, zwarning int, "
        "class string, z double"
    )
    frame = spark.createDataFrame(rows, schema).withColumn(
        "reason", reason_from_catalogue(PreprocessConfig())
    )
    found = [row.reason for row in frame.orderBy("spectrum_id", "file").collect()]
    assert found == [cases[0][0], "duplicate", *(reason for reason, _ in cases[1:])]
    assert set(found) - {None} <= set(REASONS)


def catalogue(objects: int, observations: int = 2) -> pd.DataFrame:
    """Return rows with every seventh object an AGN, observed several times."""
    return pd.DataFrame(
        [
            {
                "spectrum_id": f"s{i}-{j}",
                "object_id": f"o{i}",
                "label": int(i % 7 == 0),
                "reason": None,
            }
            for i in range(objects)
            for j in range(observations)
        ]
    )


SCHEMA = "spectrum_id string, object_id string, label int, reason string"


def assigned(spark: SparkSession, rows: pd.DataFrame, config: PreprocessConfig) -> pd.DataFrame:
    frame = spark.createDataFrame(rows, SCHEMA)
    return split_and_folds(draw_sample(frame, config), config).toPandas()


def test_no_object_is_in_two_splits_or_folds(spark: SparkSession) -> None:
    config = PreprocessConfig(folds=4)
    rows = assigned(spark, catalogue(700), config)
    assert (rows.groupby("object_id")["split"].nunique() == 1).all()
    assert (rows.groupby("object_id")["fold"].nunique() <= 1).all()
    test = rows[rows["split"] == "test"]
    assert len(test) / len(rows) == pytest.approx(0.2, abs=0.005)
    assert test["label"].mean() == pytest.approx(1 / 7, abs=0.005)
    assert test["fold"].isna().all()
    train = rows[rows["split"] == "train"]
    sizes = train.groupby("fold").size()
    assert sorted(sizes.index) == [0, 1, 2, 3]
    assert sizes.max() - sizes.min() <= 8
    agn = train.groupby("fold")["label"].sum()
    assert agn.max() - agn.min() <= 4


def test_an_object_is_agn_when_one_observation_is(spark: SparkSession) -> None:
    rows = catalogue(70)
    rows.loc[rows["spectrum_id"] == "s0-1", "label"] = 0
    split = assigned(spark, rows, PreprocessConfig()).set_index("spectrum_id")["split"]
    assert split["s0-0"] == split["s0-1"]


def test_splits_do_not_depend_on_order_or_partitions(spark: SparkSession) -> None:
    rows, config = catalogue(100), PreprocessConfig()
    first = assigned(spark, rows, config).sort_values("spectrum_id")
    frame = spark.createDataFrame(rows.sample(frac=1, random_state=1), SCHEMA).repartition(7)
    second = split_and_folds(frame, config).toPandas().sort_values("spectrum_id")
    assert first["split"].tolist() == second["split"].tolist()
    assert first["fold"].fillna(-1).tolist() == second["fold"].fillna(-1).tolist()


def test_few_objects_move_when_the_survey_grows(spark: SparkSession) -> None:
    config = PreprocessConfig()
    small = assigned(spark, catalogue(1000, 1), config).set_index("spectrum_id")["split"]
    large = assigned(spark, catalogue(2000, 1), config).set_index("spectrum_id")["split"]
    assert (large[small.index] != small).mean() < 0.04


def test_left_out_and_unlabelled_rows_have_no_split(spark: SparkSession) -> None:
    rows = catalogue(50).astype({"label": object})
    rows.loc[0, "reason"] = "coverage"
    rows.loc[2, "label"] = None
    result = assigned(spark, rows, PreprocessConfig()).set_index("spectrum_id")
    for i in (0, 2):
        assert result.loc[rows.loc[i, "spectrum_id"], "split"] is None
    assert result.loc[rows.loc[1, "spectrum_id"], "split"] is not None


def test_the_draw_is_exact_and_repeatable(spark: SparkSession) -> None:
    rows = catalogue(300).astype({"label": object})
    rows.loc[0, "reason"], rows.loc[1, "label"] = "coverage", None
    config = PreprocessConfig(sample=100)
    first = draw_sample(spark.createDataFrame(rows, SCHEMA), config).toPandas()
    second = draw_sample(spark.createDataFrame(rows[::-1], SCHEMA), config).toPandas()
    drawn = first[first["reason"].isna() & first["label"].notna()]
    assert len(drawn) == 100
    again = second[second["reason"].isna() & second["label"].notna()]
    assert set(drawn["spectrum_id"]) == set(again["spectrum_id"])
    other_seed = PreprocessConfig(sample=100, seed=2)
    third = draw_sample(spark.createDataFrame(rows, SCHEMA), other_seed).toPandas()
    assert set(third[third["reason"].isna()]["spectrum_id"]) != set(drawn["spectrum_id"])


def test_the_best_observation_is_primary(spark: SparkSession) -> None:
    """Signal first, then a redshift without warning, then S/N; one in each survey's release."""
    rows = [
        ("a", "f", "x", "sdss", "dr14", 0, 9.0),
        ("b", "f", "x", "sdss", "dr14", 0, 12.0),
        ("c", "f", "x", "sdss", "dr14", 4, 30.0),
        ("c", "g", "x", "sdss", "dr14", 4, 30.0),
        ("d", "f", "x", "sdss", "dr17", 4, 8.0),
        ("e", "f", "x", "lamost", "dr7", None, None),
        ("h", "f", "y", "sdss", "dr14", 4, 5.0),
        ("i", "f", "y", "sdss", "dr14", 0, -1.0),
    ]
    columns = "spectrum_id string, file string, object_id string, survey string, release string, "
    frame = spark.createDataFrame(rows, columns + "zwarning int, sn_median float")
    marked = mark_primary(frame).collect()
    primary = {(row.spectrum_id, row.file) for row in marked if row.is_primary}
    assert primary == {("b", "f"), ("d", "f"), ("e", "f"), ("h", "f")}
    assert {row.object_id: row.observations for row in marked} == {"x": 6, "y": 2}
