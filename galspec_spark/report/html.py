"""The report of a training run: one self-contained HTML page, and its figures as files."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from galspec_spark.preprocess.selection import REASONS
from galspec_spark.report.contents import (
    TrainingReport,
    best_result,
    decimals,
    interval,
    losses,
    ordered_results,
    title,
)
from galspec_spark.report.figures import FIGURES
from galspec_spark.report.page import spark_version, write_figures, write_page
from galspec_spark.report.table1 import SCORES, paper_scores, reading

#: Scores in the columns of Table 1; the highest of each is set in bold.
COLUMNS = (
    *SCORES, "cv_f1", *(f"agn_{name}" for name in SCORES), "cv_agn_f1",
    "balanced_accuracy", "mcc", "cv_mcc",
)  # fmt: skip

#: What the reasons for leaving something out mean.
MEANINGS = {
    **REASONS,
    "unlabelled": "the subclass says neither AGN nor other (preprocess.label)",
    "unreadable file": "a file in quarantine; the table files says why",
}


def write_report(output: Path, report: TrainingReport) -> Path:
    """Write ``figures/*.png`` and ``report.html`` into a folder.

    A figure that the run has nothing for is left out, and one of an earlier run is removed.

    Parameters
    ----------
    output
        The folder; it is made where it does not exist.
    report
        What to show.

    Returns
    -------
    Path
        The page: it holds its figures and styles and refers to nothing outside itself.
    """
    images = write_figures(output, FIGURES, report)
    metrics = report.metrics
    results = ordered_results(metrics)
    return write_page(
        output,
        "training.html",
        {"interval": interval, "title_of": title, "paper": paper_scores},
        metrics=metrics,
        counts=metrics.get("counts") or {},
        results=results,
        best=best_result(metrics),
        leaders=_leaders(results),
        losses=losses(metrics),
        meanings=MEANINGS,
        reading=reading(metrics),
        images=images,
        provenance=_provenance(metrics),
    )


def _leaders(results: list[dict[str, Any]]) -> dict[str, float]:
    """Return the highest value of each column of Table 1; NaN, which equals nothing, if none."""
    return {
        name: max((r[name] for r in results if decimals(r.get(name)) != "–"), default=np.nan)
        for name in COLUMNS
    }


def _provenance(metrics: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Data": str(metrics.get("data", "–")),
        "Run": str(metrics.get("run_id", "–")),
        "Configuration": str(metrics.get("config_hash", "–")),
        "Grid": str(metrics.get("grid", "–")),
        "galspec_spark": str(metrics.get("version", "–")),
        "Spark": spark_version(),
        "Python": platform.python_version(),
    }
