"""The page of a diff: one self-contained HTML file, and its figures as files."""

from __future__ import annotations

import platform
from pathlib import Path

from galspec_spark.diff.causes import CAUSES
from galspec_spark.diff.contents import DiffReport
from galspec_spark.diff.figures import FIGURES
from galspec_spark.diff.rates import LEVEL, MEASURES
from galspec_spark.diff.table import KINDS
from galspec_spark.report.page import spark_version, write_figures, write_page

PAGE = "diff.html"
#: Files beside the page, by their addresses relative to it.
FILES = {
    "diff.parquet": "a row for each spectrum that flipped, changed, vanished or appeared",
    "rates.parquet": "every rate of a plate or fibre, and its p",
    "summary.json": "the counts of this page",
    "figures/": "the figures of this page",
}
#: Rows of the page's tables of spectra and of rates; the files have all.
MOST = 20


def write_diff_page(output: Path, report: DiffReport) -> Path:
    """Write ``diff.html`` and ``figures/*.png`` into a folder, which need not exist."""
    return write_page(
        output,
        "diff.html",
        report.origin,
        report.simulated,
        {"p": _p_value},
        name=PAGE,
        report=report,
        images=write_figures(output, FIGURES, report, report.simulated.mark),
        kinds=KINDS,
        causes=CAUSES,
        measures=MEASURES,
        level=LEVEL,
        most=MOST,
        rows=report.table.slice(0, MOST).to_pylist(),
        provenance=_provenance(report),
        files=FILES,
    )


def _p_value(value: float) -> str:
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def _provenance(report: DiffReport) -> dict[str, str]:
    same = len(set(report.models)) == 1
    return {
        "Releases": " and ".join(report.releases),
        "Model": report.models[0] if same else " and ".join(report.models),
        "Run": report.provenance["run_id"],
        "Configuration": report.provenance["config_hash"],
        "galspec_spark": report.provenance["version"],
        "Spark": spark_version(),
        "Python": platform.python_version(),
    }
