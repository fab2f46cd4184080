"""Measure: from spectra to lines, by Spark, against the kernels; and that it is done once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from pyspark.sql import SparkSession

from galspec_spark.config import Config, LinesConfig
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.lines.linelist import all_lines
from galspec_spark.lines.measures import measure
from galspec_spark.lines.spectra import Spectra
from galspec_spark.lines.templates import own_templates
from galspec_spark.measure.stage import load_templates, measure_lines
from galspec_spark.warehouse.parts import Part
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.lines.galaxies import write_templates

RunOf = Callable[..., Run]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_templates(tmp_path_factory.mktemp("templates") / "stars.fits")


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    """Four spectra at redshifts 0.03 to 0.33, and one without a redshift."""
    survey = spec_files.write_survey(tmp_path / "survey")
    spec_files.write(survey, 4, Z=float("nan"))
    warehouse = Warehouse(tmp_path / "warehouse")
    ingest(spark, Run.start("ingest", Config()), [str(survey)], warehouse, "dr1")
    return warehouse


def rows_of(warehouse: Warehouse, table: str) -> list[dict]:
    return [row for part in warehouse.parts(table) for row in pq.read_table(part.path).to_pylist()]


def test_rows_are_what_the_kernels_measure(
    spark: SparkSession, warehouse: Warehouse, run_of: RunOf, templates: str
) -> None:
    summary = measure_lines(spark, run_of(lines={"templates": templates}), warehouse)
    assert (summary["spectra"], summary["measured"]) == (5, 4)
    assert summary["changed"]
    spectra, lines = rows_of(warehouse, "spectra"), rows_of(warehouse, "lines")
    assert [r["spectrum_id"] for r in lines] == [r["spectrum_id"] for r in spectra]
    stars = load_templates(LinesConfig(templates=templates))
    for observed, row in zip(spectra, lines, strict=True):
        if row["z"] is None:
            assert row["h_beta_flag"] is None
            assert row["formula_subclass"] is None
            continue
        z, loglam0 = np.array([row["z"]]), np.array([observed["loglam0"]])
        flux, ivar = (np.array([observed[name]], "f8") for name in ("flux", "ivar"))
        found = measure(
            Spectra.observed(flux, ivar, loglam0, z), z, np.array(["26"], object), stars
        )
        assert row["formula_subclass"] == found.subclass[0]
        for name in all_lines():
            line = found.line(name)
            assert row[f"{name}_flag"] == {-1: 1, -2: 2}.get(line["area_err"][0], 0)
            if row[f"{name}_flag"] == 0:
                close = pytest.approx(line["area"][0], rel=1e-4, abs=0.01 * line["area_err"][0])
                assert row[f"{name}_area"] == close
                assert row[f"{name}_pixels"] == line["pixels"][0]
            else:
                assert row[f"{name}_area"] is None
        assert row["h_beta_sn"] == pytest.approx(
            row["h_beta_area"] / row["h_beta_area_err"], rel=1e-4
        )
        assert row["templates"].startswith("stars.fits ")


def test_a_spectrum_is_measured_once(
    spark: SparkSession, warehouse: Warehouse, run_of: RunOf, templates: str, tmp_path: Path
) -> None:
    """Another release, or a rerun, opens no part that was measured; other templates open all."""
    run = run_of(lines={"templates": templates})
    measure_lines(spark, run, warehouse)
    there = [(part.path, part.status()) for part in warehouse.parts("lines")]
    assert not measure_lines(spark, run, warehouse)["changed"]
    assert [(part.path, part.status()) for part in warehouse.parts("lines")] == there

    more = tmp_path / "more"
    spec_files.write(more, 7)
    ingest(spark, Run.start("ingest", Config()), [str(more)], warehouse, "dr2")
    opened = []
    original = Part.iter_batches

    def noting(part: Part, *args: object, **options: object) -> object:
        opened.append(part)
        return original(part, *args, **options)

    with patch.object(Part, "iter_batches", noting):
        assert measure_lines(spark, run, warehouse)["parts_measured"] == 1
    assert set(there) < {(part.path, part.status()) for part in warehouse.parts("lines")}

    other = write_templates(tmp_path / "others.fits", 3.6156)
    summary = measure_lines(spark, run_of(lines={"templates": other}), warehouse)
    assert summary["parts_measured"] == len(warehouse.parts("spectra"))
    assert {row["templates"].split()[0] for row in rows_of(warehouse, "lines")} == {"others.fits"}


def test_real_labels_through_the_warehouse(
    spark: SparkSession, real_warehouse: Path, run_of: RunOf, tmp_path: Path
) -> None:
    if not os.environ.get("GALSPEC_TEMPLATES"):
        pytest.skip("GALSPEC_TEMPLATES is not set")
    copy = tmp_path / "warehouse"
    shutil.copytree(real_warehouse, copy)
    path = f"{os.environ['GALSPEC_TEMPLATES']}/spEigenElodie.fits"
    measure_lines(spark, run_of(lines={"templates": path}), Warehouse(copy))
    labels = {r["spectrum_id"]: r["subclass"] or "" for r in rows_of(Warehouse(copy), "spectra")}
    for row in rows_of(Warehouse(copy), "lines"):
        theirs = labels[row["spectrum_id"]].replace("BROADLINE", "").strip()
        assert row["formula_subclass"] == theirs
        assert (row["formula_margin"] is not None and row["formula_margin"] > 0) == (
            theirs == "AGN"
        )


def test_spectra_that_the_templates_learned_from_are_told(
    spark: SparkSession, warehouse: Warehouse, run_of: RunOf, tmp_path: Path
) -> None:
    first = rows_of(warehouse, "spectra")[0]["spectrum_id"]
    path = write_templates(tmp_path / "own.fits", seen=[first.removeprefix("sdss-dr1-"), "1-2-3"])
    summary = measure_lines(spark, run_of(lines={"templates": path}), warehouse)
    assert summary["seen_by_templates"] == 1
    rows = rows_of(warehouse, "lines")
    assert [row["spectrum_id"] for row in rows if row["templates_seen"]] == [first]


def test_no_file_of_templates_means_our_own() -> None:
    assert load_templates(LinesConfig()) == own_templates()


def test_wrong_templates_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.fits does not exist"):
        load_templates(LinesConfig(templates=str(tmp_path / "nowhere.fits")))
    for content in (b"", b"text", (Path(__file__)).read_bytes()):
        (tmp_path / "bad.fits").write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.fits has no templates"):
            load_templates(LinesConfig(templates=str(tmp_path / "bad.fits")))
    fits.PrimaryHDU(np.zeros((3, 50))).writeto(tmp_path / "few.fits")
    with pytest.raises(UserError, match=r"few\.fits has no"):
        load_templates(LinesConfig(templates=str(tmp_path / "few.fits")))
