from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from galspec_spark.config import Config, PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.labels import BINARY
from galspec_spark.ml.evaluation.census import MEMBERSHIP, Census
from galspec_spark.simulate import restframe as restframe_module
from galspec_spark.simulate.restframe import simulate_restframe
from galspec_spark.simulate.restframe_block import BLOCK, Block, simulate_block, sources
from galspec_spark.spectrum.grid import PIXELS, wavelength
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.schemas import RESTFRAME
from galspec_spark.warehouse.tables import Warehouse
from tests.submit import run_here

SPECTRA = 2 * BLOCK + 100
DECIDED = ("object_id", "label", "reason", "split", "fold")
StartRun = Callable[..., Run]


def rows_of(warehouse: Warehouse) -> pa.Table:
    """Read both tables by name of the spectrum, without what tells runs apart."""
    parts = [open_part(part).read() for part in warehouse.parts("restframe")]
    table = pa.concat_tables(parts).sort_by("spectrum_id")
    decided = read_sample(warehouse, ["spectrum_id", *DECIDED]).sort_by("spectrum_id")
    for name in DECIDED:
        table = table.append_column(name, decided[name])
    return table.drop_columns(["version", "run_id", "config_hash"])


def pixels(table: pa.Table, name: str) -> npt.NDArray[np.float32]:
    column = table[name].combine_chunks()
    assert column.null_count == 0
    values: npt.NDArray[np.float32] = column.flatten().to_numpy()
    return values.reshape(len(table), PIXELS)


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A table of somewhat more than two blocks, written by two tasks. Read it only."""
    warehouse = Warehouse(tmp_path_factory.mktemp("restframe"))
    run = Run.start("simulate", Config.model_validate({"simulate": {"spectra": SPECTRA}}))
    simulate_restframe(spark, run, warehouse)
    return warehouse


@pytest.fixture(scope="module")
def table(warehouse: Warehouse) -> pa.Table:
    return rows_of(warehouse)


@pytest.fixture(scope="module")
def block() -> Block:
    return simulate_block(0, Config())


def test_parts_have_the_schema_of_restframe(warehouse: Warehouse) -> None:
    parts = warehouse.parts("restframe")
    assert len(parts) == 2
    assert all(open_part(part).schema_arrow == RESTFRAME for part in parts)


def test_spark_reads_all_rows_with_survey_and_release(
    spark: SparkSession, warehouse: Warehouse
) -> None:
    frame = read_table(spark, warehouse, "restframe")
    groups = frame.groupBy("survey", "release").count().collect()
    assert [tuple(row) for row in groups] == [("simulated", "seed1", SPECTRA)]
    Census.take(read_sample(warehouse, MEMBERSHIP), BINARY).check()


def test_values_are_what_preprocess_would_write(table: pa.Table, warehouse: Warehouse) -> None:
    flux, ivar = pixels(table, "flux"), pixels(table, "ivar")
    good = ivar > 0
    assert np.isfinite(flux).all()
    assert np.isfinite(ivar).all()
    assert (ivar >= 0).all()
    np.testing.assert_allclose(table["coverage"].to_numpy(), good.mean(axis=1), rtol=1e-6)
    assert table["coverage"].to_numpy().min() >= PreprocessConfig().coverage_min
    medians = np.nanmedian(np.where(good, flux, np.nan), axis=1)
    np.testing.assert_allclose(medians, 1, rtol=1e-6)
    assert (~good).any()
    assert not flux[~good].any()
    assert table["reason"].null_count == len(table)
    assert set(table["class"].to_pylist()) == {"GALAXY"}


def test_the_blue_end_is_missing_only_of_near_galaxies(table: pa.Table) -> None:
    z, blue = table["z"].to_numpy(), pixels(table, "ivar")[:, 0]
    assert (z < 0.015).any()
    assert (blue[z < 0.015] == 0).all()
    assert (blue[z > 0.04] > 0).all()


def test_noise_is_what_ivar_and_sn_say(table: pa.Table) -> None:
    flux, ivar = pixels(table, "flux"), pixels(table, "ivar")
    smooth = slice(*np.searchsorted(wavelength(), (5600, 5800)))
    step = np.diff(flux[:, smooth], n=2, axis=1)
    # Neighbours share noise, so that their second difference is less than sqrt(6) sigma.
    pull = np.median(np.abs(step) * np.sqrt(ivar[:, smooth][:, 1:-1]), axis=1) / 0.6745
    assert 1.4 < np.median(pull) < np.sqrt(6)
    signal = np.median(flux * np.sqrt(ivar), axis=1) / table["sn_median"].to_numpy()
    assert 0.9 < np.median(signal) < 1.4


def test_a_spectrum_is_the_same_however_many_are_drawn_and_however_divided(
    spark: SparkSession, table: pa.Table, tmp_path: Path, run_of: StartRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(restframe_module, "_blocks_of_tasks", lambda config, cores: [[0, 1]])
    fewer = Warehouse(tmp_path)
    simulate_restframe(spark, run_of("simulate", simulate={"spectra": BLOCK + 10}), fewer)
    assert len(fewer.parts("restframe")) == 1
    assert rows_of(fewer).equals(table.slice(0, BLOCK + 10))


def test_blocks_and_seeds_differ(block: Block) -> None:
    other = simulate_block(0, Config.model_validate({"simulate": {"seed": 2}}))
    for different in (other, simulate_block(1, Config())):
        assert not np.isclose(block.z, different.z).any()
        assert not np.allclose(block.flux, different.flux)


def test_no_object_is_in_two_splits_or_folds(table: pa.Table) -> None:
    places = table.select(["object_id", "split", "fold"]).to_pandas().fillna(-1)
    by_object = places.groupby("object_id").nunique()
    assert (by_object <= 1).all().all()
    sizes = places["object_id"].value_counts()
    repeats = len(places) - len(sizes)
    assert repeats == pytest.approx(0.05 * len(places), rel=0.1)


def test_an_unlabelled_spectrum_is_in_no_split(
    spark: SparkSession, tmp_path: Path, run_of: StartRun
) -> None:
    policy = {"label": {"AGN": ["AGN"], "other": ["STARFORMING", "STARBURST"]}}
    run = run_of("simulate", simulate={"spectra": 500}, preprocess=policy)
    summary = simulate_restframe(spark, run, Warehouse(tmp_path))
    rows = rows_of(Warehouse(tmp_path)).select(["subclass", "label", "split", "fold"]).to_pandas()
    no_tag = rows[rows["subclass"] == ""]
    assert len(no_tag) > 0
    assert no_tag[["label", "split", "fold"]].isna().all().all()
    assert summary["labelled"] == rows["label"].notna().sum() < summary["spectra"] == 500
    assert summary["train"] + summary["test"] == summary["labelled"]


def test_labels_follow_from_lines_measured_with_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    from galspec_spark.simulate import restframe_block
    from galspec_spark.simulate.restframe_lines import INDEX

    seen: dict[str, Any] = {}
    fit = restframe_block.fit_lines

    def spy(*arguments: Any) -> Any:
        seen["light"], seen["fits"] = arguments[2], fit(*arguments)
        return seen["fits"]

    monkeypatch.setattr(restframe_block, "fit_lines", spy)
    block = simulate_block(0, Config())
    four = [INDEX[line] for line in ("[O_III] 5007", "H_beta", "H_alpha", "[N_II] 6583")]
    area, error = seen["fits"].area[:, four], seen["fits"].area_err[:, four]
    detected = ((error > 0) & (area > 3 * error)).all(axis=1)
    with np.errstate(all="ignore"):
        oiii, h_beta, h_alpha, nii = np.log10(area).T
        agn = detected & (oiii + 1.2 * nii > 0.22 + h_beta + 1.2 * h_alpha)
    np.testing.assert_array_equal(np.char.startswith(block.subclass, "AGN"), agn)
    assert 20 < agn.sum() < BLOCK / 5


def test_repeats_show_the_same_galaxy_anew(block: Block) -> None:
    repeat = np.flatnonzero(block.object != block.index)
    first = block.object[repeat] - block.index[0]
    np.testing.assert_array_equal(block.z[repeat], block.z[first])
    np.testing.assert_array_equal(block.ra[repeat], block.ra[first])
    alike = [
        np.corrcoef(block.flux[i], block.flux[j])[0, 1] for i, j in zip(repeat, first, strict=True)
    ]
    strangers = [np.corrcoef(block.flux[i], block.flux[i - 1])[0, 1] for i in repeat]
    assert np.median(alike) > np.median(strangers) + 0.05
    assert not np.isclose(block.flux[repeat], block.flux[first], atol=1e-6).all(axis=1).any()


@pytest.mark.parametrize(("share", "objects"), [(0.0, BLOCK), (0.25, 0.75 * BLOCK), (1.0, 1)])
def test_the_share_of_repeats_is_kept(share: float, objects: float) -> None:
    source = sources(share)
    assert len(np.unique(source)) == objects
    np.testing.assert_array_equal(source[source], source)


def test_redshifts_and_sn_follow_a_table(
    spark: SparkSession, tmp_path: Path, run_of: StartRun
) -> None:
    like = tmp_path / "like.csv"
    like.write_text("z,sn_median\n0.02,30\n0.1,15\n0.2,8\n", encoding="utf-8")
    run = run_of("simulate", simulate={"spectra": 9, "like": str(like), "repeats": 0})
    simulate_restframe(spark, run, Warehouse(tmp_path / "out"))
    rows = rows_of(Warehouse(tmp_path / "out"))
    assert rows["z"].to_pylist() == [0.02, 0.1, 0.2] * 3
    assert rows["sn_median"].to_pylist() == [30, 15, 8] * 3


def test_a_rerun_replaces_the_table(spark: SparkSession, tmp_path: Path, run_of: StartRun) -> None:
    warehouse = Warehouse(tmp_path)
    for seed in (1, 2):
        run = run_of("simulate", simulate={"spectra": 50, "seed": seed})
        simulate_restframe(spark, run, warehouse)
    frame = read_table(spark, warehouse, "restframe")
    assert [row.release for row in frame.select("release").distinct().collect()] == ["seed2"]
    assert frame.count() == 50
    assert {row.run_id for row in frame.select("run_id").distinct().collect()} == {run.id}


def test_a_failed_run_leaves_the_earlier_table(
    spark: SparkSession, tmp_path: Path, run_of: StartRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path)
    simulate_restframe(spark, run_of("simulate", simulate={"spectra": 50}), warehouse)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restframe_module, "stage_sample", killed)
    with pytest.raises(KeyboardInterrupt):
        simulate_restframe(spark, run_of("simulate", simulate={"spectra": 60}), warehouse)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    lock = tmp_path / "_lock"
    assert {**after, lock: 0} == {**before, lock: 0}


def test_a_warehouse_with_spectra_is_refused(
    spark: SparkSession, tmp_path: Path, run_of: StartRun
) -> None:
    part = tmp_path / "spectra" / "survey=sdss" / "release=dr14" / "one.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"")
    Warehouse(tmp_path).mark_format()
    with pytest.raises(UserError, match=r"holds spectra.*another --output"):
        simulate_restframe(spark, run_of(simulate={"spectra": 10}), Warehouse(tmp_path))
    assert not (tmp_path / "restframe").exists()


def test_parts_are_about_as_large_as_configured() -> None:
    def tasks(spectra: int, megabytes: int = 160) -> int:
        sections = {"simulate": {"spectra": spectra}, "ingest": {"part_megabytes": megabytes}}
        return len(restframe_module._blocks_of_tasks(Config.model_validate(sections), 2))

    assert tasks(1000) == 1  # no more than there are blocks
    stored = 1_000_000 * restframe_module.STORED_BYTES / tasks(1_000_000)
    assert stored == pytest.approx(160e6, rel=0.05)
    assert tasks(1_000_000, 20) == pytest.approx(8 * tasks(1_000_000), rel=0.05)


def test_a_spectrum_takes_the_bytes_that_parts_are_planned_for(warehouse: Warehouse) -> None:
    size = sum(part.status().size for part in warehouse.parts("restframe"))
    assert size / SPECTRA == pytest.approx(restframe_module.STORED_BYTES, rel=0.15)


def test_scikit_learn_finds_agn_among_the_spectra(table: pa.Table) -> None:
    flux, label = pixels(table, "flux"), table["label"].to_numpy()
    train = np.array(table["split"].to_pylist()) == "train"
    components = PCA(20, random_state=0).fit(flux[train])
    coefficients = components.transform(flux)
    coefficients /= coefficients[train].std(axis=0)
    model = LogisticRegression(max_iter=1000).fit(coefficients[train], label[train])
    probability = model.predict_proba(coefficients[~train])[:, 1]
    assert components.explained_variance_ratio_.sum() > 0.85
    assert roc_auc_score(label[~train], probability) > 0.9


def test_the_job_makes_a_warehouse_with_its_summary(spark: SparkSession, tmp_path: Path) -> None:
    output = tmp_path / "out"
    options = ["--to", "restframe", "--output", str(output), "--spectra", "300", "--seed", "5"]
    assert run_here(spark, "simulate", *options) == 0
    summary = json.loads((output / "summary.json").read_text())["simulate"]
    assert summary["status"] == "done"
    assert summary["spectra"] == 300 == summary["train"] + summary["test"]
    assert len(rows_of(Warehouse(output))) == 300
