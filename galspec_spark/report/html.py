"""The report of a training run: one self-contained HTML page, and its figures as files."""

from __future__ import annotations

import base64
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from galspec_spark.report.contents import (
    TrainingReport,
    best_result,
    decimals,
    duration,
    integer,
    interval,
    losses,
    ordered_results,
    title,
)
from galspec_spark.report.figures import FIGURES, draw
from galspec_spark.report.table1 import SCORES, paper_scores, reading
from galspec_spark.selection import REASONS
from galspec_spark.storage import Location

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
    images = {}
    for name, entry in FIGURES.items():
        path = output / "figures" / f"{name}.png"
        content = draw(entry, report)
        if content is None:
            path.unlink(missing_ok=True)
            continue
        Location.of(path).write(content)
        images[name] = {
            "source": f"data:image/png;base64,{base64.b64encode(content).decode()}",
            "alt": entry.alt(report),
            "caption": entry.caption,
            "width": int.from_bytes(content[16:20]),  # from PNG's first chunk
            "height": int.from_bytes(content[20:24]),
        }
    page = output / "report.html"
    Location.of(page).write(_render(report.metrics, images).encode())
    return page


def _render(metrics: Mapping[str, Any], images: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        decimals=decimals,
        duration=duration,
        integer=integer,
        interval=interval,
        title_of=title,
        paper=paper_scores,
        percent=lambda value: "–" if decimals(value) == "–" else f"{value:.0%}",
    )
    package = files("galspec_spark.report")
    template = environment.from_string(package.joinpath("template.html").read_text("utf-8"))
    results = ordered_results(metrics)
    return template.render(
        css=Markup(package.joinpath("template.css").read_text("utf-8")),
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
    try:
        spark = version("pyspark")
    except PackageNotFoundError:  # Spark's own distribution does not install as a package
        spark = "–"
    return {
        "Data": str(metrics.get("data", "–")),
        "Run": str(metrics.get("run_id", "–")),
        "Configuration": str(metrics.get("config_hash", "–")),
        "Grid": str(metrics.get("grid", "–")),
        "galspec_spark": str(metrics.get("version", "–")),
        "Spark": spark,
        "Python": platform.python_version(),
    }
