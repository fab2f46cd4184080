"""Preprocess: from spectra to the rest frame, by Spark, against the kernels and by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.ml.labelled.spectra import labelled_spectra
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.spectrum import grid
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import Part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.preprocess.conftest import COUNT

RunOf = Callable[..., Run]


def table(warehouse: Warehouse, name: str) -> pd.DataFrame:
    """Return a table by spectrum and file, without what tells runs apart."""
    rows = pq.read_table(str(warehouse.table(name))).to_pandas()
    return rows.set_index(["spectrum_id", "file"]).sort_index()


def test_every_row_is_there_with_its_reason(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf
) -> None:
    summary = preprocess(spark, run_of("preprocess"), spectra)
    assert summary["left_out"] == {
        "no_information": 1, "duplicate": 1, "sky": 1, "class": 1, "z_range": 1, "coverage": 1,
        "normalise": 1,
    }  # fmt: skip
    assert summary["selected"] == summary["labelled"] == COUNT
    assert summary["spectra"] == COUNT + 7
    rows, moved = table(spectra, "sample"), table(spectra, "restframe")
    assert len(rows) == len(moved) == COUNT + 7
    used = rows[rows["reason"].isna()]
    assert rows.loc[rows["reason"].notna(), "split"].isna().all()
    assert set(used["split"]) == {"train", "test"}
    assert used["label"].sum() == COUNT / 4
    assert moved.loc[used.index, "flux"].notna().all()
    # A star has pixels at rest: what is decided about it is another matter.
    star = rows["reason"] == "class"
    assert moved.loc[star[star].index, "flux"].notna().all()
    for reason in ("normalise", "no_information"):
        assert moved.loc[rows[rows["reason"] == reason].index, "flux"].isna().all()


def test_pixels_are_right(spark: SparkSession, spectra: Warehouse, run_of: RunOf) -> None:
    """One spectrum followed by hand: interpolation, median, gaps that stay gaps."""
    preprocess(spark, run_of("preprocess"), spectra)
    seed = 5
    row = table(spectra, "restframe").loc[f"sdss-dr14-0266-51630-{seed + 1:04d}"].iloc[0]
    flux, ivar = np.array(row["flux"]), np.array(row["ivar"])
    raw = spec_files.arrays(seed)
    z = float(np.float32(0.02 + seed / 1000))
    observed = spec_files.LOGLAM0 + 1e-4 * np.arange(spec_files.PIXELS)
    good = (raw["ivar"] > 0) & (raw["and_mask"] == 0)
    wanted = grid.loglam() + np.log10(1 + z)
    covered = np.interp(wanted, observed, good.astype(float), left=0, right=0) > 1 - 1e-5
    np.testing.assert_array_equal(ivar > 0, covered)
    moved = np.interp(wanted, observed, np.where(good, raw["flux"], 0))
    scale = np.median(moved[covered])
    np.testing.assert_allclose(flux[covered], moved[covered] / scale, rtol=1e-4)
    assert not flux[~covered].any()
    assert not ivar[~covered].any()
    assert row["coverage"] == pytest.approx(covered.mean(), abs=1e-6)


def test_the_fill_spectrum_is_of_the_training_split_alone(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf
) -> None:
    preprocess(spark, run_of("preprocess"), spectra)
    rows, moved = table(spectra, "sample"), table(spectra, "restframe")
    train = moved.loc[rows[rows["split"] == "train"].index]
    flux, ivar = np.stack(train["flux"].to_list()), np.stack(train["ivar"].to_list())
    good = ivar > 0
    expected = flux.sum(axis=0) / np.maximum(good.sum(axis=0), 1)
    found = labelled_spectra(spark, spectra, len(train)).fill_spectrum
    covered = good.any(axis=0)
    np.testing.assert_allclose(found[covered], expected[covered], rtol=1e-5)
    assert np.isfinite(found).all()


def test_a_rerun_changes_nothing_and_another_recipe_moves_all(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf
) -> None:
    preprocess(spark, run_of("preprocess"), spectra)
    there = [(part.path, part.status()) for part in spectra.parts("restframe")]
    sample = spectra.parts("sample")
    again = preprocess(spark, run_of("preprocess"), spectra)
    assert not again["changed"]
    assert [(part.path, part.status()) for part in spectra.parts("restframe")] == there
    assert spectra.parts("sample") == sample
    # What is decided alone changes no pixel.
    decided = preprocess(spark, run_of("preprocess", preprocess={"z_max": 0.03}), spectra)
    assert (decided["parts_moved"], decided["left_out"]["z_range"]) == (0, 14)
    assert [(part.path, part.status()) for part in spectra.parts("restframe")] == there
    label = {"star-forming": ["STARFORMING"], "rest": ["", "BROADLINE"], "AGN": ["AGN"]}
    decided = preprocess(spark, run_of("preprocess", preprocess={"label": label}), spectra)
    assert decided["classes"] == {"rest": 12, "star-forming": 6, "AGN": 6}
    assert decided["parts_moved"] == 0
    other = preprocess(spark, run_of("preprocess", preprocess={"normalise": "none"}), spectra)
    assert other["parts_moved"] == len(there)
    assert "normalise" not in other["left_out"]
    flux = table(spectra, "restframe")["flux"].dropna()
    assert np.stack(flux.to_list()).mean() > 5
    assert (table(spectra, "sample")["first_seen"] < other.get("run_id", "3")).all()


def test_a_release_opens_no_part_of_an_older_one(
    spark: SparkSession,
    survey: Path,
    tmp_path: Path,
    run_of: RunOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever came before, a release reads and writes what it brings, and the narrow table."""
    warehouse = Warehouse(tmp_path / "warehouse")
    for number in range(4):
        name, files = f"dr{number}", tmp_path / f"dr{number}"
        for seed in range(8):
            spec_files.write(files, 10 * number + seed, Z=0.03, SUBCLASS="AGN" if seed < 3 else "")
        ingest(spark, run_of("ingest"), [str(files)], warehouse, name)
        before = {part: part.status() for part in warehouse.parts("restframe")}
        last = table(warehouse, "sample") if number else None
        opened: list[str] = []
        with monkeypatch.context() as patches:
            watch(patches, opened)
            summary = preprocess(spark, run_of("preprocess"), warehouse)
        assert summary["parts_moved"] == len(warehouse.parts("spectra")) - len(before)
        assert opened
        assert not [
            path for path in opened if "release=" in path and f"release={name}/" not in path
        ]
        assert {part: part.status() for part in before} == before
        if last is not None:
            now = table(warehouse, "sample").loc[last.index]
            same = ["object_id", "split", "fold", "label", "reason", "first_seen"]
            pd.testing.assert_frame_equal(now[same], last[same])


def watch(patches: pytest.MonkeyPatch, opened: list[str]) -> None:
    """Note which parts the driver and, run by it, the tasks open."""

    def noting(place: Location) -> Part:
        opened.append(place.path)
        return Part(place)

    for module in ("renew", "pixels", "stage"):
        patches.setattr(f"galspec_spark.preprocess.{module}.open_part", noting)
    patches.setattr(
        "galspec_spark.preprocess.stage.run_tasks",
        lambda spark, work, tasks: [work(task) for task in tasks],
    )


def test_a_changed_file_changes_its_own_part(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    files = [
        spec_files.write(tmp_path / "files", seed, Z=0.03, SUBCLASS="AGN") for seed in range(6)
    ]
    warehouse = Warehouse(tmp_path / "warehouse")
    for half in (files[:3], files[3:]):
        ingest(spark, run_of("ingest"), [str(file) for file in half], warehouse, "dr1")
    preprocess(spark, run_of("preprocess"), warehouse)
    first = table(warehouse, "sample")
    spec_files.write(tmp_path / "files", 1, Z=0.05, SUBCLASS="")
    ingest(spark, run_of("ingest"), [str(tmp_path / "files")], warehouse, "dr1")
    summary = preprocess(spark, run_of("preprocess"), warehouse)
    assert summary["spectra"] == 6
    second = table(warehouse, "sample")
    assert (first["object_id"] == second["object_id"]).all()
    assert (first["first_seen"] == second["first_seen"]).all()
    changed = second.index[second["label"] == 0]
    assert [name for name, _ in changed] == ["sdss-dr1-0266-51630-0002"]
    assert second.loc[changed, "z"].item() == pytest.approx(0.05)


def test_nothing_usable_is_one_clear_line(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    spec_files.write(tmp_path / "survey", 0, CLASS="QSO")
    warehouse = Warehouse(tmp_path / "warehouse")
    ingest(spark, run_of(), [str(tmp_path / "survey")], warehouse, "dr14")
    with pytest.raises(UserError, match="none of the spectra can be used: 1 class"):
        preprocess(spark, run_of(), warehouse)
    assert not warehouse.parts("restframe")


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ({"sdss": ["SKY"]}, "pixel_mask_reject.sdss: unknown bit 'SKY'; known: NOPLUG,"),
        ({"desi": ["NODATA"]}, "pixel_mask_reject.desi: unknown bit 'NODATA'; known: none"),
        ({"2dF": []}, "pixel_mask_reject: unknown survey '2dF'; known: sdss, lamost, desi"),
    ],
)
def test_a_bit_that_a_survey_has_not_is_named(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf, bits: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        preprocess(spark, run_of(preprocess={"pixel_mask_reject": bits}), spectra)


def test_each_survey_has_its_own_bad_bits() -> None:
    recipe = Recipe.of(PreprocessConfig())
    assert recipe.reject("sdss") == sum(1 << bit for bit in (18, 22, 23, 24))
    assert recipe.reject("lamost") == sum(1 << bit for bit in (0, 2, 3, 5))
    assert recipe.reject("desi") == recipe.reject("simulated") == 0
    chosen = PreprocessConfig(pixel_mask_reject={"sdss": ("NOSKY",)})
    assert Recipe.of(chosen).reject("sdss") == 1 << 22
    assert Recipe.of(chosen).reject("lamost") == recipe.reject("lamost")


def test_real_spectra_keep_their_counts(spark: SparkSession, real_warehouse: Path) -> None:
    warehouse = Warehouse(real_warehouse)
    sample, moved = (read_table(spark, warehouse, name) for name in ("sample", "restframe"))
    spectra = read_table(spark, warehouse, "spectra").count()
    assert sample.count() == moved.count() == spectra
    keys = ["spectrum_id", "file"]
    decided = sample.select(*keys, "object_id", "reason", "split", "fold")
    used = moved.join(decided, keys).where("reason is null")
    assert used.count() == 624  # as counted before spectra were decided about in one table
    assert used.where("size(flux) = 2642 and size(ivar) = 2642").count() == used.count()
    assert used.where("exists(flux, x -> x is null or isnan(x))").count() == 0
    splits = used.groupBy("object_id").agg({"split": "min", "fold": "min"})
    joined = used.join(splits, "object_id")
    assert joined.where("split <> `min(split)` or fold <> `min(fold)`").count() == 0
