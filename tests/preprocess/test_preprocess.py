"""Preprocess: from spectra to the rest frame, by Spark, against the kernels and by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run, write_summary
from galspec_spark.ingest import ingest
from galspec_spark.preprocess.stage import preprocess, read_mean_spectrum
from galspec_spark.spectrum import grid
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files

RunOf = Callable[..., Run]
COUNT = 24


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spectra of which every fourth is an AGN, and one of each kind that is left out."""
    folder = tmp_path_factory.mktemp("survey")
    for seed in range(COUNT):
        subclass = "AGN" if seed % 4 == 0 else "STARFORMING"
        spec_files.write(folder, seed, SUBCLASS=subclass, Z=0.02 + seed / 1000)
    spec_files.write(folder, 100, CLASS="STAR")
    spec_files.write(folder, 101, SOURCETYPE="SKY")
    spec_files.write(folder, 102, Z=0.0)
    spec_files.write(folder, 103, coadd=spec_files.arrays(103, 1500))
    negative = spec_files.arrays(104)
    negative["flux"] -= 20
    spec_files.write(folder, 104, coadd=negative)
    empty = spec_files.arrays(105)
    empty["ivar"][:] = 0
    spec_files.write(folder, 105, coadd=empty)
    spec_files.write(folder / "copy", 0, SUBCLASS="AGN", Z=0.02)
    return folder


@pytest.fixture(scope="module")
def spectra(
    spark: SparkSession, survey: Path, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    from galspec_spark.config import Config

    warehouse = Warehouse(tmp_path_factory.mktemp("warehouse"))
    ingest(spark, Run.start("ingest", Config()), [str(survey)], warehouse, "dr14")
    return warehouse


def restframe(warehouse: Warehouse) -> pd.DataFrame:
    table = pq.read_table(str(warehouse.table("restframe")))
    return table.to_pandas().set_index("spectrum_id").sort_index()


def run_preprocess(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, object]:
    summary = preprocess(spark, run, warehouse)
    write_summary(warehouse.root, run, summary)
    return summary


def test_every_row_is_there_with_its_reason(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf
) -> None:
    summary = run_preprocess(spark, run_of("preprocess"), spectra)
    assert summary["left_out"] == {
        "no_information": 1, "duplicate": 1, "sky": 1, "class": 1, "z_range": 1, "coverage": 1,
        "normalise": 1,
    }  # fmt: skip
    assert summary["selected"] == summary["labelled"] == COUNT
    assert summary["spectra"] == COUNT + 7
    rows = restframe(spectra)
    assert len(rows) == COUNT + 7
    left_out = rows[rows["reason"].notna()]
    assert left_out["flux"].isna().all()
    assert left_out["split"].isna().all()
    used = rows[rows["reason"].isna()]
    assert set(used["split"]) == {"train", "test"}
    assert used["label"].sum() == COUNT / 4


def test_pixels_are_right(spark: SparkSession, spectra: Warehouse, run_of: RunOf) -> None:
    """One spectrum followed by hand: interpolation, median, gaps from the mean spectrum."""
    run_preprocess(spark, run_of("preprocess"), spectra)
    rows = restframe(spectra)
    mean = read_mean_spectrum(spectra)
    seed = 5
    row = rows.loc[f"sdss-dr14-0266-51630-{seed + 1:04d}"]
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
    np.testing.assert_array_equal(flux[~covered], mean[~covered])
    assert row["coverage"] == pytest.approx(covered.mean(), abs=1e-6)


def test_the_mean_spectrum_is_of_the_training_split_alone(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf
) -> None:
    run_preprocess(spark, run_of("preprocess"), spectra)
    rows = restframe(spectra)
    train = rows[rows["split"] == "train"]
    flux, ivar = np.stack(train["flux"].to_list()), np.stack(train["ivar"].to_list())
    good = ivar > 0
    expected = np.where(good, flux, 0).sum(axis=0) / good.sum(axis=0)
    mean = read_mean_spectrum(spectra)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_a_rerun_changes_nothing_and_another_configuration_replaces_all(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf
) -> None:
    run_preprocess(spark, run_of("preprocess"), spectra)
    parts = spectra.parts("restframe")
    run_preprocess(spark, run_of("preprocess"), spectra)
    assert spectra.parts("restframe") == parts
    run_preprocess(spark, run_of("preprocess", preprocess={"normalise": "none"}), spectra)
    assert not set(spectra.parts("restframe")) & set(parts)
    rows = restframe(spectra)
    assert len(rows) == COUNT + 7
    used = rows[rows["reason"].isna()]
    assert np.stack(used["flux"].to_list()).mean() > 5
    assert not (rows["reason"] == "normalise").any()


def test_slices_of_a_part_change_nothing(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf, tmp_path: Path
) -> None:
    """A part of several row groups is worked on by several tasks, each of which writes a part."""
    run_preprocess(spark, run_of("preprocess"), spectra)
    shutil.copytree(spectra.root.path, tmp_path / "cut")
    cut = Warehouse(tmp_path / "cut")
    parts = cut.parts("spectra")
    table = pa.concat_tables(pq.ParquetFile(part.path).read() for part in parts)
    for part in parts:
        part.delete()
    with part_writer(parts[0], table.schema) as writer:
        writer.write_table(table, row_group_size=9)
    shutil.rmtree(cut.table("restframe").path)

    run_preprocess(spark, run_of("preprocess"), cut)
    written = [part.name for part in cut.parts("restframe")]
    assert len(written) == spark.sparkContext.defaultParallelism == 2
    assert all(name.split("-", 2)[2] == parts[0].name for name in written)  # as verify reads it
    np.testing.assert_allclose(read_mean_spectrum(cut), read_mean_spectrum(spectra), rtol=1e-6)
    rows, expected = restframe(cut).drop(columns="run_id"), restframe(spectra)
    pd.testing.assert_frame_equal(rows, expected.drop(columns="run_id"), rtol=1e-6)


def test_nothing_usable_is_one_clear_line(
    spark: SparkSession, tmp_path: Path, run_of: RunOf
) -> None:
    spec_files.write(tmp_path / "survey", 0, CLASS="QSO")
    warehouse = Warehouse(tmp_path / "warehouse")
    ingest(spark, run_of(), [str(tmp_path / "survey")], warehouse, "dr14")
    with pytest.raises(UserError, match="none of the spectra can be used: 1 class"):
        preprocess(spark, run_of(), warehouse)
    assert not warehouse.parts("restframe")


def test_real_spectra_keep_their_counts(spark: SparkSession, real_warehouse: Path) -> None:
    rows = read_table(spark, Warehouse(real_warehouse), "restframe")
    assert rows.count() == read_table(spark, Warehouse(real_warehouse), "spectra").count()
    used = rows.where("reason is null")
    assert used.count() > 600
    assert used.where("size(flux) = 2642 and size(ivar) = 2642").count() == used.count()
    assert used.where("exists(flux, x -> x is null or isnan(x))").count() == 0
    splits = used.groupBy("object_id").agg({"split": "min", "fold": "min"})
    joined = used.join(splits, "object_id")
    assert joined.where("split <> `min(split)` or fold <> `min(fold)`").count() == 0
