"""The stages as a notebook calls them: each leaves the tables and ``summary.json`` of its job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.catalog import stage as catalog_stage
from galspec_spark.config import Config
from galspec_spark.config.load import check_setting
from galspec_spark.harness.run import Run, Summary, summarise
from galspec_spark.ingest import stage as ingest_stage
from galspec_spark.measure import stage as measure_stage
from galspec_spark.preprocess import stage as preprocess_stage
from galspec_spark.release.stage import Release, run_release
from galspec_spark.train import stage as train_stage
from galspec_spark.warehouse.tables import Warehouse

Place = str | Path


def ingest(
    spark: SparkSession,
    inputs: Place | Sequence[Place],
    warehouse: Place | Warehouse,
    config: Config | None = None,
    *,
    release: str | None = None,
) -> Summary:
    """Read FITS files into the tables ``spectra`` and ``files``.

    Parameters
    ----------
    inputs
        Files, or folders of them.
    release
        Their data release; None for ``ingest.release`` of the configuration.

    Returns
    -------
    dict
        The job's summary: counts of files and spectra.

    Raises
    ------
    UserError
        If no file is found, or all are quarantined.
    """
    run, place = Run.start("ingest", config or Config()), _warehouse(warehouse)
    name = run.config.ingest.release if release is None else _release(release)
    paths = _paths(inputs)
    return summarise(place.root, run, lambda: ingest_stage.ingest(spark, run, paths, place, name))


def preprocess(
    spark: SparkSession, warehouse: Place | Warehouse, config: Config | None = None
) -> Summary:
    """Move new spectra to the rest frame, and decide about all: ``restframe`` and ``sample``."""
    run, place = Run.start("preprocess", config or Config()), _warehouse(warehouse)
    return summarise(place.root, run, lambda: preprocess_stage.preprocess(spark, run, place))


def measure(
    spark: SparkSession, warehouse: Place | Warehouse, config: Config | None = None
) -> Summary:
    """Measure the lines of new spectra: the table ``lines``."""
    run, place = Run.start("measure", config or Config()), _warehouse(warehouse)
    return summarise(place.root, run, lambda: measure_stage.measure_lines(spark, run, place))


def train(
    spark: SparkSession,
    warehouse: Place | Warehouse,
    output: Place,
    config: Config | None = None,
    *,
    compare: Place | None = None,
) -> Summary:
    """Train and compare the classifiers.

    Parameters
    ----------
    output
        Folder of the results: model, metrics, report.
    compare
        Output folder of an earlier run, whose best model is compared on the same test objects.
    """
    run, place = Run.start("train", config or Config()), _warehouse(warehouse)
    earlier = None if compare is None else str(compare)
    folder = Path(output)
    return summarise(folder, run, lambda: train_stage.train(spark, run, place, folder, earlier))


def classify(
    spark: SparkSession,
    warehouse: Place | Warehouse,
    model: Place,
    config: Config | None = None,
    *,
    release: str | None = None,
) -> Summary:
    """Classify the spectra that have no current prediction by a model: the table ``catalog``.

    Parameters
    ----------
    model
        Folder ``model/`` of a training run.
    release
        The data release to classify; None for all.
    """
    run, place = Run.start("classify", config or Config()), _warehouse(warehouse)
    name = None if release is None else _release(release)
    return summarise(
        place.root, run, lambda: catalog_stage.classify(spark, run, place, Path(model), name)
    )


def release(
    spark: SparkSession,
    inputs: Place | Sequence[Place],
    warehouse: Place | Warehouse,
    model: Place,
    output: Place,
    config: Config | None = None,
    *,
    release: str,
) -> Summary:
    """Take a data release from files to catalogue, checks and report; a rerun resumes.

    Parameters
    ----------
    model
        Folder of the model that classifies it.
    output
        Folder of the report and of ``run.json``, the state of each step.
    release
        Name of the data release.
    """
    run = Run.start("release", config or Config())
    place, name = _warehouse(warehouse), _release(release)
    work = Release(name, _paths(inputs), place, Path(model), Path(output))
    return summarise(work.output, run, lambda: run_release(spark, run, work))


def _warehouse(place: Place | Warehouse) -> Warehouse:
    return place if isinstance(place, Warehouse) else Warehouse(place)


def _paths(inputs: Place | Sequence[Place]) -> list[str]:
    return [str(each) for each in ([inputs] if isinstance(inputs, str | Path) else inputs)]


def _release(name: str) -> str:
    return str(check_setting("release", "ingest.release", name))
