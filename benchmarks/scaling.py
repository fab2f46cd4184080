"""Components and three classifiers for ever more spectra: how time and memory grow.

Each size runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks import scaling_ours, scaling_peer
from benchmarks.commands import SPARK_SUBMIT, run_command
from benchmarks.simulated import simulate_rows, spectra_of, write_labelled
from galspec_spark.harness.run import Run

GIBIBYTE = 2**30
#: Java takes what it may before it tidies up: with a fixed share the peak tells what else grows.
DRIVER_MEMORY = "4g"


def compare_scale(
    spark: SparkSession, run: Run, sizes: list[int], scratch: Path
) -> list[dict[str, Any]]:
    """Run our way and scikit-learn's on simulated spectra of several sizes, smallest first.

    A result's ``seconds`` are those of the work, without the start of Python and Java, which
    ``wall_seconds`` have; ``stopped`` is there where memory did not suffice.
    """
    results = []
    for size in sorted(sizes):
        folder = scratch / f"scale-{size}"
        warehouse = simulate_rows(spark, run, folder, size, run.config.preprocess.folds)
        table = write_labelled(spectra_of(spark, warehouse), folder / "labelled")
        for way, command in commands(folder, table, memory_of_machine("MemAvailable")).items():
            results.append(measure_command(size, way, command))
        shutil.rmtree(folder)
    return results


def commands(warehouse: Path, table: str, gibibytes: float) -> dict[str, list[str]]:
    """Return the command of each way; the peer may have so much memory."""
    spark_submit = [SPARK_SUBMIT, "--driver-memory", DRIVER_MEMORY]
    return {
        "ours": [*spark_submit, str(scaling_ours.__file__), str(warehouse)],
        "scikit-learn": [sys.executable, "-m", scaling_peer.__name__, table, f"{gibibytes:.1f}"],
    }


def memory_of_machine(which: str) -> float:
    """Return a line of Linux's /proc/meminfo, such as MemTotal or MemAvailable, in GiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith(f"{which}:"))
    return int(kibibytes) * 1024 / GIBIBYTE


def measure_command(size: int, way: str, command: list[str]) -> dict[str, Any]:
    """Run a command that prints its stages' seconds as JSON in its last line."""
    finished = run_command(command)
    printed = json.loads(finished.stdout.splitlines()[-1])
    total = round(sum(printed["seconds"].values()), 3)
    stopped = {"stopped": printed["stopped"]} if "stopped" in printed else {}
    return {
        "work": f"PCA and three classifiers, {size} spectra",
        "way": way,
        "seconds": total,
        "runs": [total],
        "wall_seconds": finished.seconds,
        "stages": printed["seconds"],
        "f1": printed["f1"],
        "peak_gibibytes": round(finished.peak_bytes / GIBIBYTE, 2),
        "spectra": size,
        "commands": [" ".join(command)],
        **stopped,
    }


def scale_table(results: list[dict[str, Any]]) -> str:
    """Return time and memory by size as Markdown, empty where nothing was measured."""
    measured = [result for result in results if "peak_gibibytes" in result]
    if not measured:
        return ""
    lines = ["| spectra | way | seconds | peak memory, GiB | |", "|---|---|---|---|---|"]
    for r in measured:
        numbers = f"{r['spectra']} | {r['way']} | {r['seconds']:.3g} | {r['peak_gibibytes']:.3g}"
        lines.append(f"| {numbers} | {r.get('stopped', '')} |")
    ways = list(dict.fromkeys(r["way"] for r in measured))
    growths = [growth([r for r in measured if r["way"] == way]) for way in ways]
    return "\n".join([*lines, "", *filter(None, growths)]) + "\n"


def growth(results: list[dict[str, Any]]) -> str:
    """Say how one way's time and memory grow, and for how many spectra the machine suffices."""
    completed = [result for result in results if "stopped" not in result]
    if len(completed) < 2:
        return ""
    small, large = completed[0], completed[-1]
    text = (
        f"From {small['spectra']} to {large['spectra']} spectra, {large['way']}: "
        f"{large['seconds'] / small['seconds']:.3g} times the time, "
        f"{large['peak_gibibytes'] / small['peak_gibibytes']:.3g} times the memory"
    )
    total = memory_of_machine("MemTotal")
    most = largest_size(small, large, total)
    suffices = f"; {total:.3g} GiB suffice for about {most:.2g} spectra" if most else ""
    return f"- {text}{suffices}."


def largest_size(small: dict[str, Any], large: dict[str, Any], gibibytes: float) -> float | None:
    """Return for how many spectra a memory suffices if its peak grows on along a straight line."""
    spectra = large["spectra"] - small["spectra"]
    grown = large["peak_gibibytes"] - small["peak_gibibytes"]
    if grown <= 0:
        return None
    return float(small["spectra"] + (gibibytes - small["peak_gibibytes"]) * spectra / grown)
