"""Lines beside the survey's own: numbers and figures of a small survey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.stage import measure_lines
from galspec_spark.warehouse.tables import Warehouse
from studies.lines.lines import study_lines
from tests import spec_files
from tests.lines.galaxies import write_templates


def test_numbers_and_figures_are_written(
    spark: SparkSession, tmp_path: Path, run_of: Callable[..., Run]
) -> None:
    survey = spec_files.write_survey(tmp_path / "survey")
    spec_files.write(survey, 5, CLASS="STAR")
    warehouse = Warehouse(tmp_path / "warehouse")
    ingest(spark, Run.start("ingest", Config()), [str(survey)], warehouse, "dr1")
    run = run_of(lines={"templates": write_templates(tmp_path / "stars.fits")})
    with pytest.raises(UserError, match=r"galspec measure"):
        study_lines(run, warehouse, tmp_path / "out")
    measure_lines(spark, run, warehouse)
    study_lines(run, warehouse, tmp_path / "out")
    numbers = json.loads((tmp_path / "out" / "lines.json").read_text())
    assert numbers["galaxies"] == 4
    assert numbers["lines"]["h_beta"]["spectra"] == 4
    assert sum(numbers["classes"].values()) == 4
    for name in ("fits.png", "bpt.png"):
        assert np.ptp(imread(tmp_path / "out" / name)) > 0.5
