"""From rest-frame spectra to features, classifiers, Table 1, a model and a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.harness.run import Run, read_summaries
from galspec_spark.labels import Classes
from galspec_spark.ml.evaluation.census import MEMBERSHIP, Census, audit_leakage, fingerprint
from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.ml.labelled.features import FeatureTable
from galspec_spark.ml.labelled.means import class_means
from galspec_spark.ml.labelled.spectra import labelled_spectra
from galspec_spark.ml.model.bundle import Bundle, load_bundle
from galspec_spark.ml.model.training_objects import read_training_objects
from galspec_spark.ml.model.write import card_of, pipeline_of, write_bundle
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.importance import by_wavelength
from galspec_spark.ml.search.settings import Classifier, build_classifiers
from galspec_spark.preprocess.recipe import check_labels
from galspec_spark.report.contents import TrainingReport, feature_text
from galspec_spark.report.html import write_report
from galspec_spark.report.origin import Origin
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.spectrum.grid import wavelength
from galspec_spark.train.earlier import Comparison, EarlierRun
from galspec_spark.train.evaluation import Evaluation, assemble, evaluate_all
from galspec_spark.train.mistakes import find_mistakes, write_mistakes
from galspec_spark.train.models import Context, make_features, timed, train_all
from galspec_spark.train.repeats import label_noise
from galspec_spark.train.results import Trials, read_predictions, write_results, write_search
from galspec_spark.train.seen import seen_by_templates
from galspec_spark.viewer.stage import view_test_split
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse


def train(
    spark: SparkSession, run: Run, warehouse: Warehouse, output: Path, compare_with: str | None
) -> dict[str, object]:
    """Run the paper's experiment on a warehouse and write all of its results.

    Parameters
    ----------
    output
        Folder for ``metrics.json``, ``table1.md``, ``search.parquet``, ``predictions/``,
        ``mistakes.csv``, ``model/``, ``figures/``, ``report.html`` and ``spectra.html``.
    compare_with
        Output folder of an earlier run: ``comparison.md`` compares the best models of both.

    Returns
    -------
    dict
        The summary: counts, the best model and its scores, the results, the report's path.

    Raises
    ------
    ConfigError
        If a classifier does not have a configured parameter, or does not take its value.
    UserError
        If the ``sample`` table is missing or has too few spectra of a class, an object is in two
        splits or folds, the table has other classes than the configuration, or the earlier run is
        missing.
    """
    config = run.config.train
    classes = run.config.preprocess.label.classes
    earlier = EarlierRun.open(compare_with, classes) if compare_with else None
    classifiers = {
        kind.name: build_classifiers(config, kind, len(classes)) for kind in config.kinds
    }
    members = read_sample(warehouse, MEMBERSHIP)
    check_labels(warehouse, run.config.preprocess.label)
    census, used = _checked(members, classes)
    seen = seen_by_templates(warehouse, config.kinds, members)
    seconds = _earlier_seconds(warehouse)
    spectra = labelled_spectra(spark, warehouse, census.count(split="train"))
    with _scratch(output) as scratch:
        learned = _learn(Context(spark, config, spectra, census, scratch, seconds), classifiers)
    tables, evaluation = learned.tables, learned.evaluation
    of_files = _of_files(warehouse)
    files = {"files": of_files.get("files"), "files_quarantined": of_files.get("quarantined")}
    noise = label_noise(warehouse, classes.positive)
    metrics = assemble(run, census, files, seconds, tables, learned.search, evaluation, seen, noise)
    comparison = earlier.compare(metrics, evaluation.predictions) if earlier else None
    write_results(output, metrics, evaluation.predictions, comparison)
    write_search(learned.search, run.columns(), output)
    bundle = _write_best(run, warehouse, output, learned, metrics, used, spectra.fill_spectrum)
    predictions = read_predictions(spark, output, metrics.best_result)
    viewer = view_test_split(spark, run, warehouse, bundle, predictions, output)
    means = class_means(spark, spectra)
    mistakes = find_mistakes(warehouse, evaluation.predictions, metrics)
    write_mistakes(mistakes, output)
    origin = Origin(run.command, of_files.get("inputs", []), warehouse.root.path)
    page = write_report(output, _report_contents(metrics, means, learned, mistakes, origin))
    return {**_summary(metrics, comparison, page), "viewer": viewer["page"]}


@dataclass(frozen=True)
class Learned:
    """What training found."""

    tables: list[FeatureTable]  #: of each kind of features
    trained: list[Trained]
    search: dict[str, Trials]  #: by kind of features
    evaluation: Evaluation


def _learn(context: Context, classifiers: Mapping[str, list[Classifier]]) -> Learned:
    """Make the features of all kinds, train each kind's classifiers on them, and evaluate."""
    tables = [make_features(context, kind) for kind in context.config.kinds]
    trained: list[Trained] = []
    search: dict[str, Trials] = {}
    for table in tables:
        models, search[table.kind.name] = train_all(context, classifiers[table.kind.name], table)
        trained += models
    with timed(context.seconds, "evaluation"):
        evaluation = evaluate_all(trained, tables, context.census, context.config.seed)
    for table in tables:
        table.rows.unpersist()
    return Learned(tables, trained, search, evaluation)


def _write_best(
    run: Run,
    warehouse: Warehouse,
    output: Path,
    learned: Learned,
    metrics: Metrics,
    used: str,
    fill_spectrum: Floats,
) -> Bundle:
    """Write the best model's folder; return the model as it is read from there."""
    best = learned.trained[metrics.best]
    (features,) = (t.features for t in learned.tables if t.kind.name == best.features.kind)
    write_bundle(
        output / "model",
        pipeline_of(features, best),
        card_of(run, best, metrics, used),
        learned.evaluation.profile,
        features,
        fill_spectrum,
        read_training_objects(warehouse),
    )
    return load_bundle(output / "model")


def _checked(members: pa.Table, classes: Classes) -> tuple[Census, str]:
    """Check that the splits allow training and testing; return census and fingerprint."""
    census = Census.take(members, classes)
    census.check()
    audit_leakage(members)
    return census, fingerprint(members)


def _earlier_seconds(warehouse: Warehouse) -> dict[str, float]:
    """Return the seconds of the jobs that made the warehouse, as far as recorded."""
    summaries = read_summaries(warehouse.root)
    ingest = summaries.get("ingest", {}).get("warehouse", {})
    found = {"ingest": ingest}
    found |= {job: summaries.get(job, {}) for job in ("preprocess", "measure")}
    return {job: float(each["seconds"]) for job, each in found.items() if "seconds" in each}


def _of_files(warehouse: Warehouse) -> dict[str, Any]:
    """Return what all runs of ingest so far read; empty where there was none."""
    found: dict[str, Any] = read_summaries(warehouse.root).get("ingest", {}).get("warehouse", {})
    return found


@contextmanager
def _scratch(output: Path) -> Iterator[Location]:
    """Yield a folder for intermediate sums, and delete it afterwards."""
    folder = Location.of(output / ".scratch")
    folder.make_folder()
    try:
        yield folder
    finally:
        folder.delete_folder()


def _report_contents(
    metrics: Metrics,
    means: dict[int, tuple[int, Doubles]],
    learned: Learned,
    mistakes: pa.Table,
    origin: Origin,
) -> TrainingReport:
    # Wavelengths are shown of the first kind that is made of pixels.
    shown = next((t for t in learned.tables if not t.kind.line_columns), learned.tables[0])
    by_pixel = {
        model.classifier: by_wavelength(model, shown.features)
        for model in learned.trained
        if model.features.kind == shown.kind.name and model.features.is_all
    }
    total = sum(count for count, _ in means.values())
    return TrainingReport(
        metrics=metrics,
        wavelength=wavelength(),
        mean_spectrum=np.sum([count * mean for count, mean in means.values()], axis=0) / total,
        pixel_kind=shown.kind.name,
        basis=shown.features.basis,
        class_means={metrics.classes[label]: mean for label, (_, mean) in means.items()},
        wavelength_importance={
            name: values for name, values in by_pixel.items() if values is not None
        },
        curves={
            f"{model.features.kind}/{model.classifier}/{model.features.name}": {
                "roc": curve.roc,
                "pr": curve.pr,
            }
            for model, curve in zip(learned.trained, learned.evaluation.curves, strict=True)
        },
        mistakes=mistakes,
        origin=origin,
    )


def _summary(metrics: Metrics, comparison: Comparison | None, page: Path) -> dict[str, object]:
    best = metrics.best_result
    summary = {
        "train": metrics.counts.train,
        "test": metrics.counts.test,
        "model": f"{best.classifier}, {feature_text(best)}",
        "test_seen_by_templates": metrics.features[best.kind].seen_by_templates,
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
