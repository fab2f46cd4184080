"""The catalogue: what it says of each spectrum, and that it changes as a whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from galspec_spark.catalog.read import place_in
from galspec_spark.catalog.stage import classify
from galspec_spark.config import ClassifyConfig
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.ml.model.apply import MEASURED
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.preprocess.recipe import STATE
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import write_sample
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import draw, leave_out, with_sky, write_release

LEFT_OUT = 30


@pytest.fixture(scope="module")
def warehouse(spark, release_model, run_of, tmp_path_factory):
    """Two releases, the first with spectra left out and with sky; classified."""
    root = tmp_path_factory.mktemp("classified")
    first = draw(11, 400, with_sky)
    write_release(root, "dr1", leave_out(first, LEFT_OUT, "zwarning"), draw(12, 200))
    write_release(root, "dr2", with_extremes(draw(13, 100)))
    classify(spark, run_of("classify"), Warehouse(root), release_model, None)
    return root


def with_extremes(rows: pa.Table) -> pa.Table:
    """Return rows of which two have less and more S/N than any spectrum of the training set."""
    number = rows.schema.get_field_index("sn_median")
    sn = pa.array([0.1, 500.0, *rows["sn_median"].to_pylist()[2:]], pa.float32())
    return rows.set_column(number, rows.schema.field(number), sn)


@pytest.fixture
def changing(warehouse, tmp_path):
    """A copy of the warehouse."""
    return Path(shutil.copytree(warehouse, tmp_path / "copy"))


def rows_of(root: Path, table: str = "catalog") -> pd.DataFrame:
    frame = ds.dataset(root / table, partitioning="hive").to_table().to_pandas()
    return frame.sort_values("spectrum_id", ignore_index=True)


def has(rows: pd.DataFrame, flag: str) -> np.ndarray:
    return rows["flags"].to_numpy() & (1 << FLAG_BITS[flag]) != 0


def files_of(root: Path) -> dict[str, int]:
    parts = (root / "catalog").rglob("*.parquet")
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in parts}


def test_every_spectrum_has_a_row(warehouse):
    catalog, spectra = rows_of(warehouse), rows_of(warehouse, "sample")
    for name in ("spectrum_id", "object_id", "ra", "dec", "z", "sn_median", "coverage", "label"):
        pd.testing.assert_series_equal(catalog[name], spectra[name])
    assert set(catalog["survey"]) == {"simulated"}
    assert set(catalog["release"]) == {"dr1", "dr2"}
    assert catalog["run_id"].nunique() == 1


def test_lines_of_a_part_have_the_name_of_its_spectra(warehouse):
    """Measure names its parts likewise."""
    places = {place_in("lines", part) for part in Warehouse(warehouse).parts("catalog")}
    assert places == Warehouse(warehouse).counterparts("restframe", "lines").keys()


def test_predictions_are_those_of_the_saved_pipeline(spark, warehouse, release_model, monkeypatch):
    """The saved pipeline is used by stock pyspark, as the model's card says."""
    bundle = load_bundle(release_model)
    names = {"restframe": read_table(spark, Warehouse(warehouse), "restframe")}
    lines = "\n".join(bundle.card.how_to_use)
    exec(lines.replace("'model/", f"'{release_model}/"), names)
    used = read_table(spark, Warehouse(warehouse), "sample").where("reason is null")
    stock = names["classified"].join(used.select("spectrum_id"), "spectrum_id")
    stock = stock.select("spectrum_id", "probability").toPandas()
    catalog = rows_of(warehouse).set_index("spectrum_id").loc[stock["spectrum_id"]]
    expected = bundle.calibration.apply([vector[1] for vector in stock["probability"]])
    np.testing.assert_allclose(catalog["probability"], expected, rtol=1e-9)
    np.testing.assert_allclose(catalog["margin"], expected - bundle.threshold, rtol=1e-9, atol=1e-9)
    has_class = catalog["class"] != "abstain"
    assert (
        catalog["class"][has_class]
        == np.where(expected >= bundle.threshold, "AGN", "other")[has_class]
    ).all()
    assert set(catalog["class"]) == {"AGN", "other", "abstain"}


def test_prediction_sets_are_what_the_card_and_the_probability_say(warehouse, release_model):
    sets = load_bundle(release_model).prediction_sets
    rows = rows_of(warehouse)
    assert [len(each.limits) for each in sets.of_class] == [5, 1]  # few AGN have one range of S/N
    other, agn = (each.at(rows["sn_median"].to_numpy(float)) for each in sets.of_class)
    p = rows["probability"]
    names = {(True, False): "other", (False, True): "AGN", (True, True): "other|AGN"}
    expected = [names.get(each, "empty") for each in zip(p <= other, 1 - p <= agn, strict=True)]
    is_used = rows["reason"].isna()
    assert (rows["prediction_set"].isna() == ~is_used).all()
    assert (rows["prediction_set"] == expected)[is_used].all()
    assert len(set(rows["prediction_set"][is_used])) > 1
    # Draws of the same kind as the training set: each class has the level, but for chance.
    for label, limit in enumerate((other, agn)):
        own = p[is_used & (rows["label"] == label)]
        covered = int((abs(label - own) <= limit[own.index]).sum())
        assert binomtest(covered, len(own), sets.level).pvalue > 1e-3


def test_reconstruction_error_and_position(warehouse, release_model):
    import hpgeom

    bundle = load_bundle(release_model)
    is_used = rows_of(warehouse)["reason"].isna()  # of the same order
    spectra = rows_of(warehouse, "restframe")[is_used].iloc[::25]
    catalog = rows_of(warehouse).set_index("spectrum_id").loc[spectra["spectrum_id"]]
    mean, vectors = bundle.features.components.mean, bundle.features.basis
    flux, ivar = (np.stack(spectra[name].to_list()).astype(float) for name in ("flux", "ivar"))
    assert (ivar == 0).any()
    flux = np.where(ivar > 0, flux, bundle.fill_spectrum)
    model = mean + (flux - mean) @ vectors.T @ vectors
    rms = np.sqrt(((flux - model) ** 2).mean(axis=1))
    np.testing.assert_allclose(catalog["reconstruction_error"], rms, rtol=1e-5)
    coefficients = np.stack(catalog["features"].to_list())
    np.testing.assert_allclose(coefficients, flux @ vectors.T, rtol=1e-5, atol=1e-5)
    pixel = hpgeom.angle_to_pixel(2**29, spectra["ra"], spectra["dec"], nest=True)
    assert (catalog["healpix29"].to_numpy() == pixel).all()


def test_left_out_spectra_abstain_and_say_why(warehouse):
    out = rows_of(warehouse).query("reason == 'zwarning'")
    assert len(out) == LEFT_OUT
    assert (out["class"] == "abstain").all()
    assert out[list(MEASURED)].isna().all(axis=None)
    assert has(out, "LEFT_OUT").all()


def test_flags_say_what_the_profile_says(warehouse, release_model):
    profile = load_bundle(release_model).profile
    rows = rows_of(warehouse)
    used = rows["reason"].isna()
    sn_bin = np.searchsorted(profile.sn_edges, rows["sn_median"], side="right")
    limit = np.array(profile.error_limits)[sn_bin]
    called = np.where(rows["margin"] >= 0, 1, 0)
    expected = {
        "LEFT_OUT": ~used,
        "LOW_COVERAGE": used & (rows["coverage"] < profile.ranges["coverage"][0]),
        "Z_RANGE": ~rows["z"].between(*profile.ranges["z"]),
        "LOW_SN": rows["sn_median"] < profile.ranges["sn_median"][0],
        "HIGH_SN": rows["sn_median"] > profile.ranges["sn_median"][1],
        "OUTLIER": used & (rows["reconstruction_error"] > limit),
        "LABEL_DIFFERS": used & rows["label"].notna() & (rows["label"] != called),
        "UNSURE": used & ~rows["prediction_set"].isin(("AGN", "other")),
    }
    for name, holds in expected.items():
        np.testing.assert_array_equal(has(rows, name), holds, name)
        assert holds.any() or name == "LOW_COVERAGE"
    abstains = np.any([expected[name] for name in (*ClassifyConfig().abstain, "LEFT_OUT")], axis=0)
    np.testing.assert_array_equal(rows["class"] == "abstain", abstains)


def test_what_the_model_learned_from_is_told_in_another_warehouse(
    spark, release_model, run_of, tmp_path
):
    """The first 60 spectra of the training run, under other names, beside 40 that are new."""
    write_release(tmp_path, "elsewhere", draw(1, 60), draw(15, 40))
    summary = classify(spark, run_of("classify"), Warehouse(tmp_path), release_model, None)
    rows, sample = (
        rows_of(tmp_path),
        rows_of(Path((release_model.parent / "warehouse.txt").read_text()), "sample"),
    )
    learned = set(sample.query("split == 'train'")["survey_object_id"])
    asked = rows_of(tmp_path, "sample")["survey_object_id"]
    np.testing.assert_array_equal(has(rows, "IN_TRAINING"), asked.isin(learned))
    assert summary["flags"]["IN_TRAINING"] == asked.isin(learned).sum() > 30
    assert not has(rows[asked.str.contains("seed15")], "IN_TRAINING").any()
    assert (rows["class"][has(rows, "IN_TRAINING")] != "abstain").any()


def test_sky_is_an_outlier(warehouse):
    rows = rows_of(warehouse).query("release == 'dr1' and reason.isna()")
    sky = rows["spectrum_id"].str[-9:].astype(int) % 10 == 0
    sky &= rows["spectrum_id"].str.contains("seed11-")
    outlier = has(rows, "OUTLIER")
    assert outlier[sky].all()
    assert outlier[~sky].mean() < 0.02


def test_a_rerun_changes_nothing(spark, warehouse, release_model, run_of):
    before = files_of(warehouse)
    summary = classify(spark, run_of("classify"), Warehouse(warehouse), release_model, "dr1")
    assert summary["classified"] == 0
    assert summary["spectra"] == 600
    assert sum(summary["classes"].values()) == 600
    assert summary["flags"]["LEFT_OUT"] == LEFT_OUT
    rows = rows_of(warehouse).query("release == 'dr1'").dropna(subset=["label", "margin"])
    called = (rows["margin"] >= 0).astype(int)
    against = summary["against_labels"]
    assert against["spectra"] == len(rows)
    assert against["agn_f1"] == pytest.approx(f1_score(rows["label"], called))
    assert files_of(warehouse) == before


def test_only_what_has_no_current_prediction_is_classified(spark, changing, release_model, run_of):
    before = files_of(changing)
    place = changing / "restframe/survey=simulated/release=dr2/dr2-0.parquet"
    place.rename(place.with_name("again-0.parquet"))
    write_release(changing, "dr3", draw(14, 60))
    summary = classify(spark, run_of("classify"), Warehouse(changing), release_model, None)
    assert summary["classified"] == 160
    assert summary["spectra"] == 760
    after = files_of(changing)
    assert {p: t for p, t in after.items() if "dr1" in p} == {
        p: t for p, t in before.items() if "dr1" in p
    }
    assert [Path(p).name.partition(".")[0] for p in after if "dr2" in p] == ["again-0"]


def test_other_settings_classify_again(spark, changing, release_model, run_of):
    run = run_of("classify", classify={"abstain": []})
    summary = classify(spark, run, Warehouse(changing), release_model, None)
    assert summary["classified"] == 700
    assert summary["classes"]["abstain"] == LEFT_OUT


def test_a_failed_run_leaves_the_catalogue(spark, changing, release_model, run_of, monkeypatch):
    before = files_of(changing)
    write_release(changing, "dr3", draw(14, 60))

    def fail(*_args, **_keywords):
        raise OSError("disk full")

    monkeypatch.setattr(Warehouse, "commit", fail)
    with pytest.raises(OSError, match="disk full"):
        classify(spark, run_of("classify"), Warehouse(changing), release_model, None)
    assert files_of(changing) == before
    assert not (changing / "_staging").exists()


def test_a_third_release_changes_no_catalogue(spark, changing, release_model, run_of):
    before = files_of(changing)
    write_release(changing, "dr3", draw(14, 60))
    summary = classify(spark, run_of("classify"), Warehouse(changing), release_model, None)
    assert summary["classified"] == 60
    after = files_of(changing)
    assert {path: after[path] for path in before} == before


def test_a_part_whose_objects_changed_is_classified_again(spark, changing, release_model, run_of):
    """An older object that a new one proves to be: the parts that hold it, and no others."""
    rows = draw(14, 60)
    known = ds.dataset(changing / "restframe/survey=simulated/release=dr2").to_table()
    for name in ("ra", "dec"):
        column = [known[name][0].as_py(), *rows[name].to_pylist()[1:]]
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(column))
    link = [known["survey_object_id"][1].as_py(), *rows["survey_object_id"].to_pylist()[1:]]
    rows = rows.set_column(2, rows.schema.field(2), pa.array(link))
    before = files_of(changing)
    write_release(changing, "dr3", rows)
    summary = classify(spark, run_of("classify"), Warehouse(changing), release_model, None)
    assert summary["classified"] == 160
    kept = files_of(changing).keys() & before.keys()
    assert kept == {path for path in before if "dr1" in path}


def test_spectra_that_were_not_drawn_are_classified(spark, changing, release_model, run_of):
    place = Warehouse(changing).parts("sample")[0]
    rows = open_part(place).read()
    number = rows.schema.get_field_index("reason")
    drawn = pa.array([None, *["not_drawn"] * (len(rows) - 1)])
    write_sample(place, rows.set_column(number, rows.schema.field(number), drawn))
    classify(spark, run_of("classify"), Warehouse(changing), release_model, None)
    catalog = rows_of(changing)
    assert catalog["probability"].notna().all()
    assert not has(catalog, "LEFT_OUT").any()


def test_another_recipe_is_refused(spark, changing, release_model, run_of):
    place = changing / "sample" / STATE
    state = json.loads(place.read_text())
    state["recipe"]["normalise"] = "continuum"
    place.write_text(json.dumps(state))
    with pytest.raises(UserError, match=r"preprocess.normalise continuum, the model .* median"):
        classify(spark, run_of("classify"), Warehouse(changing), release_model, None)


@pytest.mark.parametrize(
    ("release", "model", "message"),
    [
        ("dr9", None, r"no release 'dr9' in the table restframe of .*: it has dr1, dr2"),
        (None, "nowhere", r"no model in nowhere: cannot read card.json"),
    ],
)
def test_what_is_not_there_is_named(
    spark, warehouse, release_model, run_of, release, model, message
):
    place = Path(model) if model else release_model
    with pytest.raises(UserError, match=message):
        classify(spark, run_of("classify"), Warehouse(warehouse), place, release)


def test_an_unknown_flag_is_refused():
    from galspec_spark.config import load_config

    with pytest.raises(ConfigError, match="unknown flag 'NONE'; known: LEFT_OUT, LOW_COVERAGE"):
        load_config(None, ["classify.abstain=[NONE]"])
