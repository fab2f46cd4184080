"""All of Table 1, from spec files to the six results: our job beside the script `table1_peer`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import table1_peer
from benchmarks.commands import SPARK_SUBMIT, run_command
from benchmarks.measure import measure

SCORES = ("classifier", "features", "precision", "recall", "f1", "agn_f1")


def compare_table1(jobs: Path, config: Path, survey: Path, scratch: Path) -> list[dict[str, Any]]:
    """Run both from cold, as commands: the starts of Python and Java count.

    Parameters
    ----------
    jobs
        The folder of our jobs.
    config
        The recipe and the grid of both.
    survey
        Folder of spec files, in the page cache.
    """
    files = sum(1 for _ in survey.rglob("spec-*.fits"))
    work = f"Table 1 with its search, from {files} spec files"
    ours = our_command(jobs, config, survey, scratch)
    peer = [sys.executable, "-m", table1_peer.__name__]
    peer += ["--input", str(survey), "--config", str(config)]
    printed: list[str] = []
    results = [
        measure(work, "ours, one job", 1, partial(_run, ours, []), warm=False),
        measure(
            work,
            "astropy and scikit-learn, 2 processes",
            1,
            partial(_run, peer, printed),
            warm=False,
        ),
    ]
    metrics = json.loads((scratch / "table1" / "metrics.json").read_text())
    of_peer = json.loads(printed[-1].splitlines()[-1])
    return [
        {**result, "files": files, **_content(made), "commands": [" ".join(command)]}
        for result, made, command in zip(results, (metrics, of_peer), (ours, peer), strict=True)
    ]


def our_command(jobs: Path, config: Path, survey: Path, scratch: Path) -> list[str]:
    """Return the command of our job."""
    options = {
        "config": config,
        "input": survey,
        "warehouse": scratch / "table1-warehouse",
        "output": scratch / "table1",
    }
    chosen = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [SPARK_SUBMIT, str(jobs / "run.py"), *chosen]


def _run(command: list[str], printed: list[str]) -> None:
    printed.append(run_command(command).stdout)


def _content(made: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of ``metrics.json``, or of what the peer printed."""
    results = [{score: row[score] for score in SCORES} for row in made["results"]]
    return {"stages": made["seconds"], "results": results}
