"""The report of a release: one self-contained HTML page, and its figures as files."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.catalog.contents import catalog_parts
from galspec_spark.catalog.survey_pages import survey_page
from galspec_spark.harness.record import RunRecord
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.ml.model.drift import Drift
from galspec_spark.preprocess.selection import REASONS
from galspec_spark.queue.priority import REASONS as QUEUE_REASONS
from galspec_spark.queue.stage import reason_counts
from galspec_spark.report.contents import title
from galspec_spark.report.drift import MEASURE_NAMES, quantity_name
from galspec_spark.report.headline import agn_counts
from galspec_spark.report.origin import Simulated
from galspec_spark.report.page import spark_version, write_figures, write_page
from galspec_spark.report.release import arrivals, counts
from galspec_spark.report.release.arrivals import find_arrivals
from galspec_spark.report.release.bpt import find_plane
from galspec_spark.report.release.contents import ReleaseReport, Verified
from galspec_spark.report.release.counts import Counts, count, count_simulated
from galspec_spark.report.release.figures import FIGURES
from galspec_spark.report.release.outliers import find_outliers
from galspec_spark.report.text import decimals, interval, out_of
from galspec_spark.warehouse.flags import ABSTAIN, FLAGS
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.releases import parts_of_release
from galspec_spark.warehouse.tables import Warehouse

MOST_FINDINGS = 12  #: in the table of drifted quantities
#: Files beside the page, by their addresses relative to it.
FILES = {
    "spectra.html": "a page to look at spectra of the release",
    "queue.csv": "the spectra to label, with a column for the label",
    "queue.parquet": "the same with all digits",
    "drift.json": "every check against the training set",
    "run.json": "each step of this run and its result",
    "log.jsonl": "its log",
    "figures/": "the figures of this page",
}
MOST_QUEUED = 20  #: in the table of spectra to label


def write_release_report(
    spark: SparkSession,
    warehouse: Warehouse,
    bundle: Bundle,
    release: str,
    run: RunRecord,
    drift: Drift,
    queue: pa.Table,
    output: Path,
) -> Path:
    """Write ``figures/*.png`` and ``report.html`` of a classified release into a folder.

    Only counts and the pixels of a few outliers come to the driver. A figure without data in this
    release is left out; an earlier run's is removed.

    Parameters
    ----------
    bundle
        The model that classified the release.
    run
        Run of the release, whose steps may be unfinished.
    queue
        From `inspection_queue`.
    output
        Folder, which need not exist.

    Returns
    -------
    Path
        Page, which holds its figures and styles and needs no other file.

    Raises
    ------
    UserError
        If the model has not classified the release.
    """
    return write_report(output, gather(spark, warehouse, bundle, release, run, drift, queue))


def write_report(output: Path, report: ReleaseReport) -> Path:
    """Write the figures and the page of the gathered contents."""
    return write_page(
        output,
        "release.html",
        report.origin,
        report.simulated,
        {
            "quantity": quantity_name,
            "measure": MEASURE_NAMES.__getitem__,
            "share": _share,
            "share_of": _share_of,
            "with_counts": _with_counts,
        },
        report=report,
        images=write_figures(output, FIGURES, report, report.simulated.mark),
        files=FILES,
        counts=report.counts,
        left_out=dict(report.counts.left_out.most_common()),
        meanings=REASONS,
        file_meanings=arrivals.MEANINGS,
        class_meanings=_class_meanings(report.counts),
        flag_meanings={name: meaning for name, (_, meaning) in FLAGS.items()},
        most_findings=MOST_FINDINGS,
        queue=list(map(_queued, report.queue.slice(0, MOST_QUEUED).to_pylist())),
        queue_reasons=reason_counts(report.queue),
        reason_meanings=QUEUE_REASONS,
        provenance=_provenance(report),
    )


def gather(
    spark: SparkSession,
    warehouse: Warehouse,
    bundle: Bundle,
    release: str,
    run: RunRecord,
    drift: Drift,
    queue: pa.Table,
) -> ReleaseReport:
    """Count and read what the report shows; see `write_release_report`."""
    parts = catalog_parts(warehouse, bundle.id, release)
    found = count(scan(spark, parts, counts.COLUMNS), bundle.classes)
    classes = scan(spark, parts, ["spectrum_id", "class", "reason"])
    verified = run.result("verify")
    return ReleaseReport(
        release=release,
        run=run,
        drift=drift,
        model=bundle.id,
        card=bundle.card,
        arrivals=find_arrivals(spark, warehouse, release),
        verified=None if verified is None else Verified.model_validate(verified),
        counts=found,
        plane=find_plane(spark, parts_of_release(warehouse.parts("spectra"), release), classes),
        outliers=find_outliers(warehouse, bundle, parts) if found.flags["OUTLIER"] else [],
        simulated=Simulated(count_simulated(warehouse, release), found.spectra),
        queue=queue,
    )


def _queued(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the queue with the address of the spectrum's page at the survey."""
    names = ("survey", "release", "spectrum_id", "simulated")
    return {**row, "address": survey_page(*(row[name] for name in names))}


def _class_meanings(counts: Counts) -> dict[str, str]:
    agn, *others = counts.given
    less = "another galaxy: the probability is less"
    if len(others) > 1:
        less = "the probability of AGN is less, and this class the likeliest of the others"
    return {
        agn: "the probability of AGN is the model's threshold or more",
        **dict.fromkeys(others, less),
        ABSTAIN: "the model should not be asked: left out by preprocess, or a flag says so",
    }


def _share(value: float | None) -> str:
    """Return a share as text, precise enough for a rare class; a dash if undefined."""
    return "–" if decimals(value) == "–" else f"{value:.1%}"


def _share_of(part: int, whole: int) -> str:
    return _share(part / whole if whole else None)


def _with_counts(shares: tuple[int, ...]) -> str:
    """Return a share of `galspec_spark.ml.model.drift.Drift` with its counts."""
    without, part = shares
    return f"{_share_of(part, without + part)} ({out_of(part, without + part)})"


def _provenance(report: ReleaseReport) -> dict[str, str]:
    card, run = report.card, report.run
    trained, threshold = card.data.counts, card.metrics.threshold
    return {
        "Release": report.release,
        "Run": run.run_id,
        "Configuration": run.config_hash,
        "Model": f"{report.model}: {title(card.classifier)} on {len(card.selected)} "
        f"{title(card.features)}, threshold {report.threshold:.3f}",
        "Trained on": f"{card.data.surveys}: {trained.train:,} spectra, "
        f"{trained.train_agn:,} of them AGN (run {card.run_id})"
        + (
            f"; {out_of(trained.simulated, trained.spectra)} simulated" if trained.simulated else ""
        ),
        "Its score": f"F1 of the AGN class {decimals(threshold.test.agn_f1, 3)} on its test "
        f"split at that threshold (95 % interval: {interval(threshold.intervals.agn_f1)}; "
        f"{agn_counts(threshold.confusion).in_words()})",
        "Grid": card.grid.id,
        "galspec_spark": run.version,
        "Spark": spark_version(),
        "Python": platform.python_version(),
    }
