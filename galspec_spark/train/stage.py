"""From rest-frame spectra to components, classifiers, Table 1, a model and a report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run, read_summaries
from galspec_spark.labels import CLASS_NAMES
from galspec_spark.ml.evaluation.census import MEMBERSHIP, Census, audit_leakage, fingerprint
from galspec_spark.ml.evaluation.metrics import Metrics, Result
from galspec_spark.ml.evaluation.scores import Curves
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.labelled import labelled_spectra
from galspec_spark.ml.features.means import class_means
from galspec_spark.ml.features.projection import fit_components, project_all
from galspec_spark.ml.model.bundle import (
    FILL_SPECTRUM,
    MEAN_SPECTRUM,
    best_model,
    pipeline_of,
    write_bundle,
)
from galspec_spark.ml.model.card import card_of
from galspec_spark.ml.model.profile import take_profile, training_rows
from galspec_spark.ml.search.compare import FeatureSet, Trained, compare
from galspec_spark.ml.search.importance import FOREST, by_wavelength, elimination, importance_of
from galspec_spark.ml.search.scorecard import evaluate, evaluate_in_bins, predict
from galspec_spark.ml.search.search import Trial
from galspec_spark.ml.search.settings import Classifier, build_classifiers
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.html import write_report
from galspec_spark.report.table1 import table1
from galspec_spark.spectrum.grid import GRID_ID, wavelength
from galspec_spark.train.earlier import Comparison, EarlierRun, comparison_text
from galspec_spark.train.results import search_summary, write_predictions, write_search
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse

log = logging.getLogger(__name__)


def train(
    spark: SparkSession, run: Run, warehouse: Warehouse, output: Path, compare_with: str | None
) -> dict[str, object]:
    """Run the paper's experiment on a warehouse and write all of its results.

    Parameters
    ----------
    output
        Gets ``metrics.json``, ``table1.md``, ``search.parquet``, ``predictions/``, ``model/``,
        ``figures/`` and ``report.html``.
    compare_with
        The output of an earlier run: the best models of both are compared in ``comparison.md``.

    Returns
    -------
    dict
        The summary: counts, the best model and its scores, the results, the report's path.

    Raises
    ------
    ConfigError
        If a classifier does not have a configured parameter, or it does not take the value.
    UserError
        If there is no ``sample`` table, it does not have enough spectra of both classes, an
        object is in two splits or folds, or there is no earlier run.
    """
    config = run.config.train
    earlier = EarlierRun.open(compare_with) if compare_with else None
    classifiers = build_classifiers(config)
    census, used = _checked(read_sample(warehouse, MEMBERSHIP), config.components)
    seconds = _earlier_seconds(warehouse)

    with _timed(seconds, "pca"):
        train_rows = census.count(split="train")
        progress = spark_progress(spark, "components", train_rows, "spectra")
        with progress, _scratch(output) as scratch:
            spectra = labelled_spectra(spark, warehouse, train_rows)
            components = fit_components(spark, spectra, config, census.folds, scratch)
        labelled = int(census.counts()["labelled"])
        with spark_progress(spark, "projection", labelled, "spectra"):
            coefficients = project_all(spark, spectra, components, config, labelled).persist()
            coefficients.count()

    trained, search = _train_all(run, classifiers, coefficients, census.folds, seconds)
    with _timed(seconds, "evaluation"):
        test = coefficients.where("split = 'test'").persist()
        predictions, predict_seconds = predict(trained, test)
        scores, curves = evaluate(trained, predictions, predict_seconds, config.seed)
        results = [Result.model_validate(each) for each in scores]
        bins = evaluate_in_bins(predictions, len(trained))
        importance = importance_of(trained, components[-1], test, config.seed)
    best = best_model(trained, results)
    train_rows = training_rows(coefficients, census.count(split="train"))
    called_agn = pc.sum(predictions[f"called_{best}"]).as_py()
    profile = take_profile(train_rows, predictions, census, called_agn)
    for frame in (coefficients, test):
        frame.unpersist()
    content = {
        "job": run.job,
        **run.columns(),
        "grid": GRID_ID,
        "data": census.data(),
        "counts": {**_file_counts(warehouse), **census.counts()},
        "left_out": census.left_out(),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "explained_variance": components[-1].explained_variance.tolist(),
        "importance": importance,
        "search": search_summary(search),
        "results": results,
        "best": best,
        "bins": bins,
        "majority_f1": census.majority_f1(),
    }
    metrics = Metrics.model_validate(content)
    comparison = earlier.compare(metrics, predictions) if earlier else None
    write_predictions(predictions, output)
    write_search(search, run.columns(), output)
    write_bundle(
        output / "model",
        pipeline_of(components[-1], trained[best]),
        card_of(run, trained[best], metrics, used),
        profile,
        {FILL_SPECTRUM: spectra.fill_spectrum, MEAN_SPECTRUM: components[-1].mean},
    )
    write_json(output / "metrics.json", metrics)
    Location.of(output / "table1.md").write(table1(metrics).encode())
    if comparison:
        Location.of(output / "comparison.md").write(comparison_text(comparison).encode())
        write_json(output / "comparison.json", comparison)
    means = class_means(spark, spectra)
    page = write_report(output, _report_contents(metrics, means, components[-1], trained, curves))
    return _summary(metrics, comparison, page)


def _checked(members: pa.Table, components: int) -> tuple[Census, str]:
    """Make sure that the splits can be trained and tested on; return census and fingerprint."""
    census = Census.take(members)
    census.check(components)
    audit_leakage(members)
    return census, fingerprint(members)


def _train_all(
    run: Run,
    classifiers: Sequence[Classifier],
    coefficients: DataFrame,
    folds: int,
    seconds: dict[str, float],
) -> tuple[list[Trained], dict[str, list[Trial]]]:
    """Train with all components, then with those that the forest finds the most important."""
    config = run.config.train
    every = list(range(config.components))
    features = FeatureSet(f"all {config.components}", every, [every] * folds)
    with _timed(seconds, "all components"):
        trained, trials = compare(classifiers, coefficients, features, config)
    search = {features.name: trials}
    forest = next((each for each in trained if each.classifier == FOREST), None)
    if forest is not None:
        best = elimination(forest, config.components, config.best_components)
        with _timed(seconds, "elimination"):
            more, search[best.name] = compare(classifiers, coefficients, best, config)
        trained += more
    return trained, search


def _earlier_seconds(warehouse: Warehouse) -> dict[str, float]:
    """Return the seconds of the jobs that made the warehouse, as far as it knows them."""
    summaries = read_summaries(warehouse.root)
    ingest = summaries.get("ingest", {}).get("warehouse", {})
    found = {"ingest": ingest, "preprocess": summaries.get("preprocess", {})}
    return {job: float(each["seconds"]) for job, each in found.items() if "seconds" in each}


def _file_counts(warehouse: Warehouse) -> dict[str, int | None]:
    held = read_summaries(warehouse.root).get("ingest", {}).get("warehouse", {})
    return {"files": held.get("files"), "files_quarantined": held.get("quarantined")}


@contextmanager
def _scratch(output: Path) -> Iterator[Location]:
    """Give a folder for intermediate sums, which vanishes afterwards."""
    folder = Location.of(output / ".scratch")
    folder.make_folder()
    try:
        yield folder
    finally:
        folder.delete_folder()


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - started


def _report_contents(
    metrics: Metrics,
    means: dict[int, tuple[int, npt.NDArray[np.float64]]],
    components: Components,
    trained: list[Trained],
    curves: list[Curves],
) -> TrainingReport:
    every = [each for each in trained if each.features is trained[0].features]
    return TrainingReport(
        metrics=metrics,
        wavelength=wavelength(),
        mean_spectrum=components.mean,
        components=components.vectors,
        class_means={CLASS_NAMES[label]: mean for label, (_, mean) in means.items()},
        wavelength_importance={each.classifier: by_wavelength(each, components) for each in every},
        curves={
            f"{each.classifier}/{each.features.name}": {"roc": curve.roc, "pr": curve.pr}
            for each, curve in zip(trained, curves, strict=True)
        },
    )


def _summary(metrics: Metrics, comparison: Comparison | None, page: Path) -> dict[str, object]:
    best = metrics.best_result
    summary = {
        "train": metrics.counts.train,
        "test": metrics.counts.test,
        "model": f"{best.classifier}, {best.features} components",
        "f1": best.f1,
        "agn_f1": best.agn_f1,
        "cv_f1": best.cv_f1,
        "cv_agn_f1": best.cv_agn_f1,
        "majority_f1": metrics.majority_f1,
        "report": str(page),
        "counts": metrics.counts,
        "left_out": metrics.left_out,
        "stage_seconds": metrics.seconds,
        "results": metrics.results,
    }
    return summary | ({"comparison": comparison} if comparison else {})
