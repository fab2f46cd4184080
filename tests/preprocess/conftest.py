"""A small survey with one spectrum of each kind that is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files

#: Spectra that are used.
COUNT = 24


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spectra of which every fourth is an AGN, and one of each kind that is left out."""
    folder = tmp_path_factory.mktemp("survey")
    for seed in range(COUNT):
        subclass = ("AGN", "STARFORMING", "broadline", " ")[seed % 4]
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
    warehouse = Warehouse(tmp_path_factory.mktemp("warehouse"))
    ingest(spark, Run.start("ingest", Config()), [str(survey)], warehouse, "dr14")
    return warehouse
