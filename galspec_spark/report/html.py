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
    losses,
    marked_text,
    seen_note,
    shown_kind,
    title,
)
from galspec_spark.report.figures import FIGURES
from galspec_spark.report.headline import agn_counts, best_of_pixels, by_construction
from galspec_spark.report.mistakes import groups
from galspec_spark.report.page import spark_version, write_figures, write_page
from galspec_spark.report.paper import paper_rows
from galspec_spark.report.table1 import PERFECT, alike, reading
from galspec_spark.report.text import interval

#: Scores in the columns of Table 1; the highest in each column is set in bold.
COLUMNS = (
    "precision", "recall", "f1", "cv_f1", "agn_precision", "agn_recall", "agn_f1", "cv_agn_f1",
    "balanced_accuracy", "mcc", "cv_mcc",
)  # fmt: skip

#: Files beside the page, by their addresses relative to it.
FILES = {
    "spectra.html": "a page to look at the spectra of the test split, the misclassified first",
    "metrics.json": "every number of this page",
    "table1.md": "Table 1 as text",
    "mistakes.csv": "the AGN that were missed and the others that were called AGN",
    "predictions/part.parquet": "what each classifier says of each spectrum of the test split",
    "search.parquet": "every point of the search and every fold",
    "out_of_fold.parquet": "scores of the training spectra by models that have not seen them",
    "comparison.md": "this run’s best model beside an earlier run’s",
    "model/card.json": "the saved model: what it is, how to use it, what it learned from",
    "figures/": "the figures of this page",
}
OPTIONAL = ("comparison.md",)

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
    images = write_figures(output, FIGURES, report, report.simulated.mark)
    metrics = report.metrics
    return write_page(
        output,
        "training.html",
        report.origin,
        report.simulated,
        {
            "interval": interval,
            "title_of": title,
            "capitalised": lambda text: text[:1].upper() + text[1:],
            "agn_counts": lambda result: agn_counts(result.confusion),
            "feature_text": partial(marked_text, metrics),
        },
        metrics=metrics,
        results=all_results(metrics),
        shown=shown_kind(metrics),
        best=metrics.best_result,
        of_pixels=best_of_pixels(metrics),
        by_construction=by_construction(metrics),
        mistakes=groups(report.mistakes),
        paper=paper_rows(metrics),
        files=_files(output),
        leaders={name: _highest(metrics, name) for name in COLUMNS},
        losses=losses(metrics),
        meanings=MEANINGS,
        reading=reading(metrics),
        perfect=PERFECT,
        commonest=commonest(metrics),
        alike=alike(metrics),
        seen_note=seen_note(metrics),
        images=images,
        provenance=_provenance(metrics),
    )


def _files(output: Path) -> dict[str, str]:
    """Return the files beside the page and what they hold; some runs have not all."""
    optional = {name for name in OPTIONAL if not (output / name).exists()}
    return {name: content for name, content in FILES.items() if name not in optional}


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
