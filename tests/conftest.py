"""One Spark session for all tests, scratch warehouses, and the way to the real spectra."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.harness.run import Run, write_summary
from galspec_spark.harness.session import open_session
from galspec_spark.ingest.stage import ingest
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.train.stage import train
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import draw, write_release
from tests.submit import SETTINGS
from tests.times import Times

LONGEST = "tests/cluster/"


def pytest_configure(config: pytest.Config) -> None:
    """Print at the end where the time went."""
    config.pluginmanager.register(Times())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Divide the tests between processes by folder, so that few fixtures are made twice.

    The first is the longest that cannot be divided, lest one process waits for it in the end.
    """
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0].rpartition("/")[0]

    config.option.loadscopereorder = False  # which takes the folder of most tests for the longest
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch = tmp_path_factory.mktemp("spark")
    settings = {**SETTINGS, "spark.sql.warehouse.dir": str(scratch)}
    with open_session("tests", Config(spark=settings)) as session:
        yield session


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    """Compose figures without rendering them, which takes seconds; tests/report renders them."""
    with (
        patch("galspec_spark.report.page._png", lambda *_: b"\x89PNG"),
        patch("galspec_spark.report.style.Figure.draw_without_rendering", lambda figure: None),
    ):
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder by a function once for all processes that share the tests."""

    def made(name: str, make: Callable[[Path], object]) -> Path:
        base = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:  # each has a folder of its own in the common one
            base = base.parent
        folder, done = base / name, base / f"{name}.done"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return made


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
def real_warehouse(spark: SparkSession, real_spectra: Path, made_once: Callable[..., Path]) -> Path:
    """A warehouse made from the real spectra by ingest and preprocess. Read it only."""

    def make(root: Path) -> None:
        warehouse = Warehouse(root)
        run = Run.start("ingest", Config())
        summary = ingest(spark, run, [str(real_spectra)], warehouse, "dr14")
        write_summary(warehouse.root, run, summary)
        run = Run.start("preprocess", Config())
        write_summary(warehouse.root, run, preprocess(spark, run, warehouse))

    return made_once("real", make)


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Run]:
    """Start a run with the configuration given by section, for example preprocess={...}."""

    def start(job: str = "test", **sections: object) -> Run:
        return Run.start(job, Config.model_validate(sections))

    return start


@pytest.fixture(scope="session")
def release_model(
    spark: SparkSession, run_of: Callable[..., Run], made_once: Callable[..., Path]
) -> Path:
    """The folder of a model of 2500 simulated spectra; beside it the name of their warehouse.

    Read it only.
    """

    def make(folder: Path) -> None:
        root, output = folder / "warehouse", folder / "run"
        write_release(root, "seed1", draw(1, 2500))
        # A forest alone would be fitted a second time, to the best of its features.
        regression = {"fixed": {"maxIter": 10, "regParam": 0.001}}
        settings = {
            "features": {"pca": {"n_components": 8}},
            "n_best": 8,
            "classifiers": {"logistic_regression": regression},
        }
        with (  # slow
            patch("galspec_spark.train.stage.write_report", lambda output, _: output),
            patch("galspec_spark.train.stage.view_test_split", return_value={"page": ""}),
        ):
            train(spark, run_of("train", train=settings), Warehouse(root), output, None)
        (output / "warehouse.txt").write_text(str(root))

    return made_once("training", make) / "run" / "model"
