"""The report of a training run: one self-contained HTML page, and its figures as files."""

from __future__ import annotations

import platform
from functools import partial
from pathlib import Path

from galspec_spark.ml.evaluation.metrics import Metrics
from galspec_spark.preprocess.selection import REASONS
from galspec_spark.report.contents import (
    TrainingReport,
    all_results,
    commonest,
    interval,
    losses,
    marked_text,
    seen_note,
    shown_kind,
    title,
)
from galspec_spark.report.figures import FIGURES
from galspec_spark.report.page import spark_version, write_figures, write_page
from galspec_spark.report.table1 import alike, paper_scores, reading

#: Scores in the columns of Table 1; the highest in each column is set in bold.
COLUMNS = (
    "precision", "recall", "f1", "cv_f1", "agn_precision", "agn_recall", "agn_f1", "cv_agn_f1",
    "balanced_accuracy", "mcc", "cv_mcc",
)  # fmt: skip

#: Meanings of the reasons for leaving something out.
MEANINGS = {
    **REASONS,
    "unlabelled": "the subclass says no class (preprocess.label)",
    "unreadable file": "a file in quarantine; the table files says why",
}


def write_report(output: Path, report: TrainingReport) -> Path:
    """Write ``figures/*.png`` and ``report.html`` into a folder.

    A figure without data in this run is left out; an earlier run's is removed.

    Parameters
    ----------
    output
        Folder, which need not exist.

    Returns
    -------
    Path
        Page, which holds its figures and styles and needs no other file.
    """
    images = write_figures(output, FIGURES, report)
    metrics = report.metrics
    return write_page(
        output,
        "training.html",
        {
            "interval": interval,
            "title_of": title,
            "paper": paper_scores,
            "feature_text": partial(marked_text, metrics),
        },
        metrics=metrics,
        results=all_results(metrics),
        shown=shown_kind(metrics),
        best=metrics.best_result,
        leaders={name: _highest(metrics, name) for name in COLUMNS},
        losses=losses(metrics),
        meanings=MEANINGS,
        reading=reading(metrics),
        commonest=commonest(metrics),
        alike=alike(metrics),
        seen_note=seen_note(metrics),
        images=images,
        provenance=_provenance(metrics),
    )


def _highest(metrics: Metrics, name: str) -> float | None:
    """Return the highest score in a column of Table 1; None if no result defines it."""
    values = (getattr(result, name) for result in metrics.results)
    return max((value for value in values if value is not None), default=None)


def _provenance(metrics: Metrics) -> dict[str, str]:
    return {
        "Data": metrics.data,
        "Run": metrics.run_id,
        "Configuration": metrics.config_hash,
        "Grid": metrics.grid,
        "galspec_spark": metrics.version,
        "Spark": spark_version(),
        "Python": platform.python_version(),
    }
