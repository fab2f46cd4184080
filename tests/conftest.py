"""One Spark session for all tests, scratch warehouses, and the way to the real spectra."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.harness.run import Run, write_summary
from galspec_spark.harness.session import open_session
from galspec_spark.ingest import ingest
from galspec_spark.preprocess import preprocess
from galspec_spark.train import train
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import draw, write_release
from tests.times import Times

SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "2g",  # honoured because the tests start the JVM themselves
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",  # tiny tables: fewer tasks, faster tests
}


def pytest_configure(config: pytest.Config) -> None:
    """Print at the end where the time went."""
    config.pluginmanager.register(Times())


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch = tmp_path_factory.mktemp("spark")
    settings = {**SETTINGS, "spark.sql.warehouse.dir": str(scratch)}
    with open_session("tests", Config(spark=settings)) as session:
        yield session


@pytest.fixture(scope="session")
def real_spectra() -> Path:
    """The folder of real SDSS spectra."""
    folder = os.environ.get("GALSPEC_REAL_SPECTRA")
    if not folder:
        pytest.skip("GALSPEC_REAL_SPECTRA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def real_formats() -> Path:
    """The folder of real files of each format."""
    folder = os.environ.get("GALSPEC_REAL_FORMATS")
    if not folder:
        pytest.skip("GALSPEC_REAL_FORMATS is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def real_warehouse(
    spark: SparkSession, real_spectra: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A warehouse made from the real spectra by ingest and preprocess. Read it only."""
    warehouse = Warehouse(tmp_path_factory.mktemp("real"))
    run = Run.start("ingest", Config())
    write_summary(warehouse.root, run, ingest(spark, run, [str(real_spectra)], warehouse, "dr14"))
    run = Run.start("preprocess", Config())
    write_summary(warehouse.root, run, preprocess(spark, run, warehouse))
    return Path(warehouse.root.path)


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Run]:
    """Start a run with the configuration given by section, for example preprocess={...}."""

    def start(job: str = "test", **sections: object) -> Run:
        return Run.start(job, Config.model_validate(sections))

    return start


@pytest.fixture(scope="session")
def release_model(
    spark: SparkSession, run_of: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a model of 2500 simulated spectra; beside it the name of their warehouse.

    Read it only.
    """
    root = write_release(tmp_path_factory.mktemp("training"), "seed1", draw(1, 2500))
    forest = {"fixed": {"numTrees": 10, "maxDepth": 5}, "grid": {}}
    settings = {"components": 8, "best_components": 8, "classifiers": {"random_forest": forest}}
    run = run_of("train", train=settings)
    output = tmp_path_factory.mktemp("trained")
    with patch("galspec_spark.train.stage.write_report", lambda output, _: output):  # slow
        train(spark, run, Warehouse(root), output, None)
    (output / "warehouse.txt").write_text(str(root))
    return output / "model"
