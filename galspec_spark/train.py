"""From the table ``restframe`` to components, classifiers, Table 1, a model and a report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyspark.ml.feature import PCAModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.ml.bundle import best_model, card_of, pipeline_of, write_bundle
from galspec_spark.ml.census import CLASS_NAMES, Census
from galspec_spark.ml.classifiers import build_classifiers
from galspec_spark.ml.compare import COMPONENTS, FeatureSet, Trained, compare
from galspec_spark.ml.evaluation import classification_scores
from galspec_spark.ml.importance import (
    best_components,
    component_weights,
    wavelength_importance,
)
from galspec_spark.ml.means import class_means
from galspec_spark.ml.pca import PCA, components_of, project
from galspec_spark.ml.search import narrow_partitions
from galspec_spark.preprocess import read_mean_spectrum
from galspec_spark.progress import spark_progress
from galspec_spark.provenance import Run, read_summaries, write_json
from galspec_spark.report.contents import TrainingReport
from galspec_spark.report.html import write_report
from galspec_spark.report.table1 import table1
from galspec_spark.spectrum.grid import GRID_ID, wavelength
from galspec_spark.storage import Location
from galspec_spark.tables import Warehouse

FOREST = "random_forest"

log = logging.getLogger(__name__)


def train(spark: SparkSession, run: Run, warehouse: Warehouse, output: Path) -> dict[str, Any]:
    """Run the paper's experiment on a warehouse and write all of its results.

    Parameters
    ----------
    output
        Gets ``metrics.json``, ``table1.md``, ``model/``, ``figures/`` and ``report.html``.

    Returns
    -------
    dict
        The summary: counts, the best model and its scores, the results, the report's path.

    Raises
    ------
    ConfigError
        If a classifier does not have a configured parameter, or it does not take the value.
    UserError
        If there is no ``restframe`` table, or it does not have enough spectra of both classes.
    """
    config = run.config.train
    classifiers = build_classifiers(config)
    restframe = warehouse.read(spark, "restframe")
    census = Census.take(restframe)
    census.check(config.components)
    labelled = restframe.where("split is not null")
    seconds = _earlier_seconds(warehouse)

    with _timed(seconds, "pca"):
        pca = fit_components(labelled.where("split = 'train'"), census, config.components)
        components = components_of(pca)
        coefficients = project_all(labelled, components, census)

    every = FeatureSet(f"all {config.components}", list(range(config.components)))
    trained = compare(classifiers, coefficients, every, census.folds, config.parallelism)
    seconds |= {one.classifier: one.seconds for one in trained}

    importance = _forest_importance(trained, every)
    if importance is not None:
        best = best_components(importance["components"], config.best_components)
        importance = {"components": importance["components"].tolist(), "best": best}
        with _timed(seconds, "elimination"):
            chosen = FeatureSet(f"best {len(best)}", best)
            trained += compare(classifiers, coefficients, chosen, census.folds, config.parallelism)
    fingerprint = _fingerprint(coefficients)
    coefficients.unpersist()

    best_of_all = best_model(trained)
    metrics = {
        "job": run.job,
        **run.columns(),
        "grid": GRID_ID,
        "data": census.data(),
        "counts": {**_file_counts(warehouse), **census.counts()},
        "left_out": census.left_out(),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "explained_variance": pca.explainedVariance.toArray().tolist(),
        "importance": importance,
        "results": [one.result for one in trained],
        "best": trained.index(best_of_all),
        "majority_f1": _majority_f1(census),
    }
    card = card_of(run, best_of_all, metrics, fingerprint)
    write_bundle(
        output / "model", pipeline_of(pca, best_of_all), card, read_mean_spectrum(warehouse)
    )
    write_json(output / "metrics.json", metrics)
    Location.of(output / "table1.md").write(table1(metrics).encode())
    contents = _report_contents(metrics, labelled.where("split = 'train'"), components, trained)
    page = write_report(output, contents)
    return _summary(metrics, best_of_all, page)


def fit_components(rows: DataFrame, census: Census, k: int) -> PCAModel:
    """Find the first k components of the training split."""
    with spark_progress(rows.sparkSession, "components", census.count(split="train"), "spectra"):
        return PCA(k=k, inputCol="flux", outputCol=COMPONENTS).fit(rows)


def project_all(
    labelled: DataFrame, components: npt.NDArray[np.float64], census: Census
) -> DataFrame:
    """Return the coefficients of all labelled spectra, cached, in an order that is always the same.

    A forest draws its samples by the position of a row, so the order is part of the result.
    """
    total = int(census.counts()["labelled"])
    cores = labelled.sparkSession.sparkContext.defaultParallelism
    coefficients = (
        labelled.select(
            "spectrum_id", "label", "split", "fold", project(components, "flux").alias(COMPONENTS)
        )
        .repartition(narrow_partitions(total, cores), "spectrum_id")
        .sortWithinPartitions("spectrum_id")
        .persist()
    )
    with spark_progress(labelled.sparkSession, "projection", total, "spectra"):
        coefficients.count()
    return coefficients


def _earlier_seconds(warehouse: Warehouse) -> dict[str, float]:
    """Return the seconds of the jobs that made the warehouse, as far as it knows them."""
    summaries = read_summaries(warehouse.root)
    ingest = summaries.get("ingest", {}).get("warehouse", {})
    found = {"ingest": ingest, "preprocess": summaries.get("preprocess", {})}
    return {job: float(known["seconds"]) for job, known in found.items() if "seconds" in known}


def _file_counts(warehouse: Warehouse) -> dict[str, int | None]:
    held = read_summaries(warehouse.root).get("ingest", {}).get("warehouse", {})
    return {"files": held.get("files"), "files_quarantined": held.get("quarantined")}


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - started


def _forest_importance(trained: list[Trained], features: FeatureSet) -> dict[str, Any] | None:
    """Return the forest's importance of each component; None if no forest was trained."""
    for one in trained:
        if one.classifier == FOREST:
            weights, _ = component_weights(one.model, features.components, len(features.components))
            return {"components": weights}
    return None


def _fingerprint(rows: DataFrame) -> str:
    """Return 16 hexadecimal digits that depend on which spectra, labels and splits were used."""
    row_hash = F.xxhash64("spectrum_id", "label", "split", "fold")
    value = rows.agg(F.bit_xor(row_hash)).first()
    assert value is not None
    return f"{value[0] & 0xFFFFFFFFFFFFFFFF:016x}"


def _majority_f1(census: Census) -> float:
    """Return the weighted F1 of calling every test spectrum other."""
    counts = [[census.count(split="test", label=label), 0] for label in CLASS_NAMES]
    f1: float = classification_scores(np.array(counts))["f1"]
    return f1


def _report_contents(
    metrics: dict[str, Any],
    rows: DataFrame,
    components: npt.NDArray[np.float64],
    trained: list[Trained],
) -> TrainingReport:
    means = class_means(rows)
    counts = [count for count, _ in means.values()]
    mean = np.average([mean for _, mean in means.values()], axis=0, weights=counts)
    of_all = [one for one in trained if len(one.features.components) == len(components)]
    return TrainingReport(
        metrics=metrics,
        wavelength=wavelength(),
        mean_spectrum=mean,
        components=components,
        class_means={CLASS_NAMES[label]: mean for label, (_, mean) in means.items()},
        wavelength_importance={
            one.classifier: wavelength_importance(
                components,
                np.array(metrics["explained_variance"]),
                *component_weights(one.model, one.features.components, len(components)),
            )
            for one in of_all
        },
        curves={
            f"{one.classifier}/{one.features.name}": {"roc": one.curves.roc, "pr": one.curves.pr}
            for one in trained
        },
    )


def _summary(metrics: dict[str, Any], best: Trained, page: Path) -> dict[str, Any]:
    scores = ("f1", "agn_f1", "cv_f1", "cv_agn_f1")
    return {
        "train": metrics["counts"]["train"],
        "test": metrics["counts"]["test"],
        "model": f"{best.classifier}, {best.features.name} components",
        **{score: best.result[score] for score in scores},
        "majority_f1": metrics["majority_f1"],
        "report": str(page),
        "counts": metrics["counts"],
        "left_out": metrics["left_out"],
        "stage_seconds": metrics["seconds"],
        "results": metrics["results"],
    }
