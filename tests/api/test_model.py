"""A model in a notebook, beside the catalogue that the jobs make of the same files."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from pyspark.sql import functions as F

import galspec_spark as gs
from galspec_spark import udfs
from tests import spec_files

COMPARED = ["class", "probability", "margin", "prediction_set", "reason", "flags", "label"]


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Path:
    """Files of galaxies, of an AGN, of a star, and of one with a warning."""
    folder = tmp_path_factory.mktemp("survey")
    spec_files.write(folder, 0)
    spec_files.write(folder, 1, SUBCLASS="AGN", Z=0.08)
    spec_files.write(folder, 2, CLASS="STAR")
    spec_files.write(folder, 3, ZWARNING=4)
    return folder


@pytest.fixture(scope="module")
def warehouse(spark, survey: Path, release_model: Path, tmp_path_factory) -> gs.Warehouse:
    """A warehouse as a notebook makes it, classified and measured."""
    root = tmp_path_factory.mktemp("notebook") / "warehouse"
    gs.ingest(spark, survey, str(root), release="dr1")
    gs.preprocess(spark, root)
    gs.measure(spark, gs.Warehouse(root))
    gs.classify(spark, root, str(release_model), release="dr1")
    return gs.Warehouse(root)


@pytest.fixture(scope="module")
def catalog(warehouse: gs.Warehouse) -> pd.DataFrame:
    rows = warehouse.frame("catalog").toPandas()
    return rows.sort_values("spectrum_id", ignore_index=True)


def files_of(survey: Path) -> list[Path]:
    return sorted(survey.rglob("*.fits"))


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        found[COMPARED], expected[COMPARED], check_dtype=False, rtol=1e-9, atol=1e-9
    )


def test_stages_leave_what_jobs_leave(warehouse: gs.Warehouse, catalog: pd.DataFrame) -> None:
    summaries = json.loads((Path(warehouse.root.path) / "summary.json").read_text())
    assert list(summaries) == ["ingest", "preprocess", "measure", "classify"]
    assert summaries["ingest"]["spectra"] == len(catalog) == 4
    assert catalog["reason"].tolist() == [None, None, "class", "zwarning"]
    assert catalog["probability"].notna().tolist() == [True, True, False, False]


def test_files_score_as_in_the_catalogue(survey, release_model, catalog) -> None:
    model = gs.Model.load(release_model)
    found = model.score(files_of(survey))
    assert_same(found, catalog)
    assert found["spectrum_id"].tolist() == [f"sdss-0266-51630-000{n}" for n in (1, 2, 3, 4)]
    mixed = model.score([gs.read(files_of(survey)[0])[0], files_of(survey)[1].read_bytes()])
    assert_same(mixed, catalog[:2])
    assert_same(model.score([]), catalog[:0])


def test_a_dataframe_scores_as_in_the_catalogue(release_model, warehouse, catalog) -> None:
    scored = gs.Model.load(release_model).score(warehouse.frame("spectra")).toPandas()
    assert_same(scored.sort_values("spectrum_id", ignore_index=True), catalog)


def test_a_dataframe_without_a_column_is_refused(release_model, warehouse) -> None:
    frame = warehouse.frame("spectra").drop("z")
    with pytest.raises(gs.UserError, match="no column 'z'"):
        gs.Model.load(release_model).score(frame)


def test_arrays_score_like_the_file(survey, release_model) -> None:
    (spectrum,) = gs.read(files_of(survey)[0])
    good = (spectrum.and_mask & (1 << 24)) == 0
    arrays = gs.Spectrum.from_arrays(
        spectrum.wavelength, spectrum.flux, spectrum.ivar * good, spectrum.z
    )
    model = gs.Model.load(release_model)
    ours, theirs = (model.score(each)["probability"][0] for each in (arrays, spectrum))
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_functions_in_sql(spark, release_model, warehouse, catalog) -> None:
    gs.register(spark, release_model)
    warehouse.frame("spectra").createOrReplaceTempView("observed")
    scored = spark.sql("SELECT spectrum_id, score(struct(*)) AS s FROM observed")
    found = scored.select("spectrum_id", "s.*").toPandas()
    expected = catalog.drop(columns="label")
    columns = [name for name in COMPARED if name != "label"]
    pd.testing.assert_frame_equal(
        found.sort_values("spectrum_id", ignore_index=True)[columns],
        expected[columns],
        check_dtype=False,
        rtol=1e-9,
    )
    warehouse.frame("restframe").createOrReplaceTempView("moved")
    features = spark.sql("SELECT spectrum_id, project(flux, ivar) AS features FROM moved")
    rows = features.toPandas().sort_values("spectrum_id", ignore_index=True)["features"]
    for ours, theirs in zip(rows[:2], catalog["features"], strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_lines_and_continuum_of_a_dataframe_are_those_of_the_table(warehouse) -> None:
    names = ["h_alpha_area", "oiii_5007_area_err", "h_beta_flag", "formula_subclass", "templates"]
    frame = warehouse.frame("spectra").withColumn("row", F.struct("*"))
    measured = frame.select("spectrum_id", udfs.line_measures("row").alias("m"))
    found = measured.select("spectrum_id", *(f"m.{name}" for name in names)).toPandas()
    expected = warehouse.frame("lines").select("spectrum_id", *names).toPandas()
    pd.testing.assert_frame_equal(
        *(each.sort_values("spectrum_id", ignore_index=True) for each in (found, expected))
    )
    (fit,) = frame.where("fiber = 1").select("flux", udfs.continuum("row").alias("c")).collect()
    assert len(fit["c"]) == len(fit["flux"])
    assert np.median(np.abs(np.array(fit["c"]) - fit["flux"])) < 2


def test_a_plot_shows_spectrum_noise_and_reconstruction(survey, release_model) -> None:
    spectra = [gs.read(file)[0] for file in files_of(survey)]
    axes = gs.plot(spectra[0], gs.Model.load(release_model))
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["±1 σ", "spectrum", "model's reconstruction"]
    assert "probability of AGN" in axes.get_title(loc="left")
    left_out = gs.plot(spectra[3], gs.Model.load(release_model))
    assert "left out: zwarning" in left_out.get_title(loc="left")
    assert "erg" in gs.plot(spectra[0]).get_ylabel()
    plt.close("all")
