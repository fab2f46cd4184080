"""Planted changes are found with their causes, nothing else is, and nothing else is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import PreprocessConfig
from galspec_spark.diff import pixels
from galspec_spark.diff.narrow import match, may_differ, read_release
from galspec_spark.diff.pixels import compare_pixels
from galspec_spark.diff.table import DIFF
from galspec_spark.errors import UserError
from galspec_spark.ml.model.bundle import model_id
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.warehouse.parts import Part
from galspec_spark.warehouse.tables import Warehouse
from tests.diff.pair import FIBRES, LINE_PIXELS, MARGIN, SIGMA, Release, draw, model_folder, write
from tests.report.pages import Page, check_self_contained
from tests.submit import run_here

COUNT, OF_EACH, FAILED = 220, 8, 6
PLANTED = ("redshift", "mask", "flux", "lines", "label")


def planted(seed: int = 1) -> tuple[Release, Release, dict[str, np.ndarray]]:
    """Return two releases, and what was planted: spectra by what happened to them."""
    old = draw(COUNT, seed)
    new = old.take(np.arange(COUNT))
    good = np.flatnonzero(old.number % FIBRES != FAILED)
    chosen = np.random.default_rng(seed).permutation(good)
    groups = {
        name: chosen[i * OF_EACH : (i + 1) * OF_EACH]
        for i, name in enumerate((*PLANTED, "vanished", "appeared"))
    }
    groups["failed"] = np.flatnonzero(old.number % FIBRES == FAILED)
    new.z[groups["redshift"]] += 0.004
    line = LINE_PIXELS["nii_6583"] + MARGIN
    new.ivar[groups["mask"], line - 60 : line + 60] = 0
    new.flux[groups["flux"], line - 4 : line + 5] += 12 * SIGMA
    new.areas[groups["lines"]] += 2
    new.label[groups["label"]] ^= 1
    noise = np.random.default_rng(seed + 1).normal(5, 20, new.flux.shape).astype(np.float32)
    new.flux[groups["failed"]] = noise[groups["failed"]]
    old = old.take(np.setdiff1d(old.number, groups["appeared"]))
    new = new.take(np.setdiff1d(new.number, groups["vanished"])[::-1])
    return old, new, groups


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, dict[str, np.ndarray]]:
    """A warehouse of two releases, and one more that is like the first."""
    old, new, groups = planted()
    root = tmp_path_factory.mktemp("diff") / "warehouse"
    return write(root, {"dr1": old, "dr2": new, "dr3": old}), groups


def run_diff(
    spark: SparkSession, warehouse: Warehouse, output: Path, *names: str, models: tuple = ("one",)
) -> int:
    root = Path(warehouse.root.path)
    folders = [str(model_folder(root, name)) for name in models]
    options = ("--warehouse", str(root), "--output", str(output), "--model", *folders)
    return run_here(spark, "diff", *names, *options)


def test_what_was_planted_is_found_with_its_cause(
    spark: SparkSession, made: tuple, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse, groups = made
    assert run_diff(spark, warehouse, tmp_path, "dr1", "dr2") == 0
    assert "stand_out" in capsys.readouterr().out
    table = pq.read_table(tmp_path / "diff.parquet")
    assert table.schema.equals(DIFF)
    rows = {(row["plate"] - 300) * FIBRES + row["fiber"] - 1: row for row in table.to_pylist()}
    assert sorted(rows) == sorted(np.concatenate(list(groups.values())))
    for name in PLANTED:
        for number in groups[name]:
            assert rows[number]["cause"] == name, (name, rows[number])
            assert rows[number]["kind"] in ("flipped", "changed")
    assert {rows[number]["kind"] for number in groups["vanished"]} == {"vanished"}
    assert {rows[number]["kind"] for number in groups["appeared"]} == {"appeared"}
    assert {rows[number]["cause"] for number in groups["failed"]} == {"flux"}
    flux, label = rows[groups["flux"][0]], rows[groups["label"][0]]
    assert flux["new_class"] == "AGN"
    assert {label["old_label"], label["new_label"]} == {"other", "AGN"}
    assert label["flux_chi2"] is None  # its pixels were not read


def test_the_page_shows_what_stands_out(spark: SparkSession, made: tuple, tmp_path: Path) -> None:
    warehouse, groups = made
    run_diff(spark, warehouse, tmp_path, "dr1", "dr2")
    page = Page((tmp_path / "diff.html").read_text())
    links = check_self_contained(page)
    assert links
    assert all((tmp_path / link).exists() for link in links)
    assert f"fibre {FAILED + 1} (changed)" in page.text
    assert "8 vanished and 8 appeared" in page.text
    summary = json.loads((tmp_path / "summary.json").read_text())["diff"]
    assert summary["stand_out"] == 1
    assert summary["found"][0].startswith(f"fibre {FAILED + 1} of sdss: 11 of 11 ")
    assert summary["in_both"] == COUNT - 2 * OF_EACH
    assert summary["pixels_compared"] == 4 * OF_EACH + len(groups["failed"])
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"rates.png", "examples.png"}
    rates = pq.read_table(tmp_path / "rates.parquet").to_pylist()
    assert {rate["name"] for rate in rates if rate["stands_out"]} == {str(FAILED + 1)}
    assert sum(rate["changed"] for rate in rates if rate["kind"] == "plate") == sum(
        rate["changed"] for rate in rates if rate["kind"] == "fibre"
    )


def test_equal_releases_have_no_difference(
    spark: SparkSession, made: tuple, tmp_path: Path
) -> None:
    warehouse, _ = made
    with patch.object(Part, "read_rows", side_effect=AssertionError("pixels were read")):
        assert run_diff(spark, warehouse, tmp_path, "dr1", "dr3") == 0
    assert len(pq.read_table(tmp_path / "diff.parquet")) == 0
    assert "Nothing changed" in Page((tmp_path / "diff.html").read_text()).text


def test_releases_of_other_spectra_share_none(spark: SparkSession, tmp_path: Path) -> None:
    everything = draw(40)
    old, new = everything.take(np.arange(20)), everything.take(np.arange(20, 40))
    warehouse = write(tmp_path / "warehouse", {"dr1": old, "dr2": new})
    assert run_diff(spark, warehouse, tmp_path / "out", "dr1", "dr2") == 0
    kinds = pq.read_table(tmp_path / "out" / "diff.parquet")["kind"].to_pylist()
    assert kinds == ["vanished"] * 20 + ["appeared"] * 20


def test_only_row_groups_with_a_change_are_read(spark: SparkSession, tmp_path: Path) -> None:
    old = draw(200)
    new = old.take(np.arange(200))
    new.flux[[3, 65, 66]] *= np.linspace(1, 2, new.flux.shape[1], dtype=np.float32)
    warehouse = write(tmp_path / "warehouse", {"dr1": old, "dr2": new})
    model = model_id(model_folder(tmp_path / "warehouse", "one"))
    pairs, _, _ = match(*(read_release(warehouse, name, model) for name in ("dr1", "dr2")))
    chosen = may_differ(pairs, same_model=True)
    assert np.flatnonzero(chosen).tolist() == [3, 65, 66]
    read = []

    def here(_: SparkSession, work: Callable, tasks: list) -> list:
        return [work(task) for task in tasks]

    def counted(part: Part, group: int, *args: object, **options: object):
        read.append(group)
        return Part.__mro__[1].read_row_group(part, group, *args, **options)

    with patch.object(pixels, "run_tasks", here), patch.object(Part, "read_row_group", counted):
        found = compare_pixels(spark, warehouse, pairs, chosen, Recipe.of(PreprocessConfig()))
    assert sorted(read) == [0, 0, 3, 3]  # of 10 in each release
    assert np.isfinite(found.chi2).sum() == 3
    assert found.chi2[3] > 1


def test_another_calibration_of_the_whole_is_no_change_and_without_lines_pixels_are_read(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Two models and no lines: nothing narrow tells of the pixels."""
    old = draw(60)
    new = old.take(np.arange(60))
    new.flux *= 1.25
    new.ivar /= 1.25**2
    new.model = "two"
    new.z[5] += 1e-6
    warehouse = write(tmp_path / "warehouse", {"dr1": old, "dr2": new}, measured=False)
    assert run_diff(spark, warehouse, tmp_path / "out", "dr1", "dr2", models=("one", "two")) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["diff"]
    assert (summary["pixels_compared"], summary["unchanged"]) == (60, 60)


def test_lines_are_compared_beyond_the_scale_of_flux(spark: SparkSession, tmp_path: Path) -> None:
    old = draw(20)
    new = old.take(np.arange(20))
    new.flux *= 1.25
    new.ivar /= 1.25**2
    new.areas[3] += 2
    warehouse = write(tmp_path / "warehouse", {"dr1": old, "dr2": new})
    assert run_diff(spark, warehouse, tmp_path / "out", "dr1", "dr2") == 0
    (row,) = pq.read_table(tmp_path / "out" / "diff.parquet").to_pylist()
    assert (row["fiber"], row["cause"]) == (4, "lines")
    assert row["scale"] == pytest.approx(1.25, rel=1e-3)


def test_another_model_is_the_first_cause_of_a_flip(spark: SparkSession, tmp_path: Path) -> None:
    old = draw(60)
    line = LINE_PIXELS["nii_6583"] + MARGIN
    old.flux[7, line - 10 : line + 11] = np.median(old.flux[7])
    new = replace(old.take(np.arange(60)), model="two")
    new.flux[7, line - 4 : line + 5] += 60 * SIGMA
    new.label[8] ^= 1
    warehouse = write(tmp_path / "warehouse", {"dr1": old, "dr2": new})
    assert run_diff(spark, warehouse, tmp_path / "out", "dr1", "dr2", models=("one", "two")) == 0
    flip, label = pq.read_table(tmp_path / "out" / "diff.parquet").to_pylist()
    assert (flip["kind"], flip["causes"]) == ("flipped", ["model", "flux"])
    assert (label["kind"], label["causes"]) == ("changed", ["label"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("dr1", "dr9"), "no release 'dr9' in .*: there are dr1, dr2, dr3"),
        (("dr1", "dr1"), "both releases are 'dr1'"),
    ],
)
def test_a_wrong_release_is_wrong_usage(
    spark: SparkSession, made: tuple, tmp_path: Path, capsys, names: tuple, expected: str
) -> None:
    assert run_diff(spark, made[0], tmp_path, *names) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(expected, line)


def test_a_release_that_the_model_has_not_classified_is_one_line(made: tuple) -> None:
    with pytest.raises(UserError, match="no catalogue of release dr1 by model other"):
        read_release(made[0], "dr1", "other")
