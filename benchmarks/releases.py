"""Daily releases: the CPU time and memory of each, from ingest to report, as the warehouse fills.

All releases are done in one Spark application, after a few in another warehouse that start Python's
workers and let Java compile. Those of `PROBES` are done as a scheduler does them: by a command of
their own, whose time includes the start of Java and Spark, and whose memory is its own. Java keeps
what it once had, so that the memory of the application tells little. Far from the probes, the steps
that write no table are left out, for they leave nothing that a later release meets, and no task is
Spark's, which is quicker.
"""

from __future__ import annotations

import io
import logging
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pyspark.sql import SparkSession

from benchmarks.commands import SPARK_SUBMIT, Watch, cpu_seconds_of, run_command
from benchmarks.simulated import simulate_rows
from galspec_spark.catalog import stage as catalog_stage
from galspec_spark.catalog.stage import classify
from galspec_spark.config import Config
from galspec_spark.harness.outcome import DONE, PROBLEM_FOUND
from galspec_spark.harness.run import Run
from galspec_spark.ingest import stage as ingest_stage
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure import stage as measure_stage
from galspec_spark.measure.stage import measure_lines
from galspec_spark.preprocess import stage as preprocess_stage
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.release import stage
from galspec_spark.release.stage import Release, run_release
from galspec_spark.release.steps import Step, Steps
from galspec_spark.report.style import ACCENT, OTHERS, new_figure, style
from galspec_spark.simulate.survey import simulate
from galspec_spark.train.stage import train
from galspec_spark.warehouse.tables import Warehouse

PROJECT = Path(__file__).resolve().parent.parent
GIBIBYTE = 2**30
FILES = 20  #: of a release
WARM_UP = 3  #: releases that do not count
#: Releases that a command of their own does, from 1.
PROBES = (5, 35, 60, 100, 150, 200)
#: Releases before and after one, whose median is told.
NEIGHBOURS = 1
MODEL_SPECTRA = 2500
#: Java takes what it may before it tidies up: with a fixed share the peak tells what else grows.
DRIVER_MEMORY = "1g"
TRAINING = {
    "features": {"pca": {"n_components": 10}},
    "n_best": 10,
    "classifiers": {
        "logistic_regression": {"fixed": {"maxIter": 10, "regParam": 0.001}},
    },
}
#: Modules that give tasks to Spark where a release writes tables.
STAGES = (ingest_stage, preprocess_stage, measure_stage, catalog_stage)

log = logging.getLogger(__name__)


def compare_releases(
    spark: SparkSession, run: Run, options: Sequence[str], releases: int, scratch: Path
) -> list[dict[str, Any]]:
    """Do so many releases of `FILES` simulated files each, and measure those near the probes.

    Parameters
    ----------
    options
        The command line's own ``--config`` and ``--set``.

    Returns
    -------
    list of dict
        A release each: ``cpu_seconds``, also by step, and ``peak_gibibytes``.
    """
    folders = simulate_releases(spark, run.config, WARM_UP + releases, scratch / "survey")
    model = train_model(spark, run, scratch / "trained")
    for number, folder in enumerate(folders[:WARM_UP]):
        measure_release(spark, run, _release(number, folder, model, scratch / "warm-up"))
    found = []
    for number, folder in enumerate(folders[WARM_UP:], 1):
        release = _release(number, folder, model, scratch / "releases")
        if number in PROBES:
            measured = measure_command(release, options)
        elif any(abs(number - probe) <= NEIGHBOURS for probe in PROBES):
            measured = measure_release(spark, run, release)
        else:
            write_tables(spark, run, release)
            continue
        log.info(
            "release %d: %.2f s of CPU time %s", number, measured["seconds"], measured["start"]
        )
        found.append({"release": number, **measured})
    return [
        {
            "work": f"a release of {FILES} files, ingest to report",
            "way": f"ours, release {each['release']}, {each['start']}",
            "runs": [each["seconds"]],
            **each,
        }
        for each in found
    ]


def simulate_releases(spark: SparkSession, config: Config, count: int, folder: Path) -> list[Path]:
    """Simulate a survey; return the folders of its releases."""
    survey = config.simulate.model_copy(update={"spectra": count * FILES})
    simulate(spark, survey, folder / "all")
    files = sorted((folder / "all").rglob("spec-*.fits"))
    folders = []
    for number in range(count):
        folders.append(folder / f"{number:04d}")
        folders[-1].mkdir()
        for file in files[number * FILES : (number + 1) * FILES]:
            file.rename(folders[-1] / file.name)
    return folders


def train_model(spark: SparkSession, run: Run, folder: Path) -> Path:
    """Train a small model; return its folder."""
    settings = run.config.model_dump() | {"train": TRAINING}
    own = replace(run, config=Config.model_validate(settings))
    rows = simulate_rows(spark, own, folder / "rows", MODEL_SPECTRA, run.config.preprocess.folds)
    train(spark, own, rows, folder, None)
    return folder / "model"


def _release(number: int, files: Path, model: Path, folder: Path) -> Release:
    name = f"day{number:04d}"
    warehouse = Warehouse(folder / "warehouse")
    return Release(name, [str(files)], warehouse, model, folder / "output" / name)


def write_tables(spark: SparkSession, run: Run, release: Release) -> None:
    """Do the steps of a release that write tables, the tasks one after another in this process."""
    own, warehouse = Run.start("release", run.config), release.warehouse
    with ExitStack() as patches:
        for module in STAGES:
            patches.enter_context(patch.object(module, "run_tasks", _run_here))
        ingest(spark, own, release.inputs, warehouse, release.name)
        preprocess(spark, own, warehouse)
        measure_lines(spark, own, warehouse)
        classify(spark, own, warehouse, release.model, release.name)


def _run_here(_: SparkSession, work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
    return [work(task) for task in tasks]


def measure_release(spark: SparkSession, run: Run, release: Release) -> dict[str, Any]:
    """Do a release in this application."""
    steps: dict[str, float] = {}
    with _counting(steps) as watch:
        started = watch.cpu_seconds
        summary = run_release(spark, Run.start("release", run.config), release)
    return {
        "start": "in one application",
        "seconds": round(cpu_seconds_of(_root()) - started, 2),
        "steps": steps,
        "peak_gibibytes": round(watch.bytes / GIBIBYTE, 3),
        "findings": len(summary["findings"]),  # type: ignore[arg-type]
    }


@contextmanager
def _counting(steps: dict[str, float]) -> Iterator[Watch]:
    """Watch all processes of this application, and note the CPU time of each step."""

    class Counted(Steps):
        def run(self, step: Step) -> None:
            started = cpu_seconds_of(_root())
            super().run(step)
            steps[step.name] = round(cpu_seconds_of(_root()) - started, 2)

    watch = Watch(_root())
    watch.cpu_seconds = cpu_seconds_of(_root())
    watch.start()
    with patch.object(stage, "Steps", Counted):
        yield watch
    watch.stop()


def _root() -> int:
    """Return the process above all others of this application: Java under spark-submit."""
    parent = os.getppid()
    is_java = Path(f"/proc/{parent}/comm").read_text().strip() == "java"
    return parent if is_java else os.getpid()


def measure_command(release: Release, options: Sequence[str]) -> dict[str, Any]:
    """Do a release by a command of its own."""
    given = {
        "input": release.inputs[0],
        "release": release.name,
        "warehouse": release.warehouse.root,
        "model": release.model,
        "output": release.output,
    }
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    command = [
        SPARK_SUBMIT,
        "--driver-memory",
        DRIVER_MEMORY,
        str(PROJECT / "jobs" / "release.py"),
        *options,
        *words,
    ]
    finished = run_command(command, good=(DONE, PROBLEM_FOUND))
    return {
        "start": "a command of its own",
        "seconds": finished.cpu_seconds,
        "wall_seconds": finished.seconds,
        "peak_gibibytes": round(finished.peak_bytes / GIBIBYTE, 3),
        "commands": [" ".join(command)],
    }


def releases_table(results: list[dict[str, Any]]) -> str:
    """Return CPU time and memory of chosen releases as Markdown, empty where none was measured."""
    found = [result for result in results if "release" in result]
    if not found:
        return ""
    within, alone = ([r for r in found if ("steps" in r) == inside] for inside in (True, False))
    names = list(within[0]["steps"])
    lines = [
        f"| release | CPU s | {' | '.join(names)} | CPU s of its own command | its memory, GiB |",
        f"|{'---|' * (len(names) + 4)}",
    ]
    for probe in alone:
        near = [r for r in within if abs(r["release"] - probe["release"]) <= NEIGHBOURS]
        steps = " | ".join(f"{_median(r['steps'][name] for r in near):.2f}" for name in names)
        cpu = f"{_median(r['seconds'] for r in near):.2f} | {steps}"
        own = f"{probe['seconds']:.1f} | {probe['peak_gibibytes']:.2f}"
        lines.append(f"| {probe['release']} | {cpu} | {own} |")
    return "\n".join([*lines, "", *_growth(within, alone)]) + "\n"


def _growth(within: list[dict[str, Any]], alone: list[dict[str, Any]]) -> list[str]:
    """Say how much dearer the last release is than an early one."""
    if len(alone) < 2:
        return []
    first, last = alone[0], alone[-1]
    near = [
        _median(r["seconds"] for r in within if abs(r["release"] - each["release"]) <= NEIGHBOURS)
        for each in (first, last)
    ]
    return [
        f"- Release {last['release']} takes {near[1] / near[0]:.2f} times the CPU time of release "
        f"{first['release']} in one application, {last['seconds'] / first['seconds']:.2f} times "
        f"with the start of Spark, in {last['peak_gibibytes'] / first['peak_gibibytes']:.2f} times "
        "the memory."
    ]


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def draw_releases(results: list[dict[str, Any]]) -> bytes:
    """Draw the CPU time of each step by release, and the memory of the commands; return a PNG."""
    within = [result for result in results if "steps" in result]
    alone = [result for result in results if "release" in result and "steps" not in result]
    with style():
        figure = new_figure(3.6)
        cpu, memory = figure.subplots(1, 2, width_ratios=(2, 1))
        numbers = [result["release"] for result in within]
        names = list(within[0]["steps"])
        heights = [[result["steps"][name] for result in within] for name in names]
        cpu.stackplot(numbers, heights, labels=names, colors=[*OTHERS, ACCENT])
        cpu.set(xlabel="Release", ylabel="CPU time (s)", ylim=(0, None))
        cpu.legend(loc="upper left", bbox_to_anchor=(1, 1), reverse=True)
        peaks = [result["peak_gibibytes"] for result in alone]
        memory.plot([result["release"] for result in alone], peaks, "o-", color=ACCENT)
        memory.set(xlabel="Release", ylabel="Peak memory (GiB)", ylim=(0, 1.1 * max(peaks)))
        content = io.BytesIO()
        figure.savefig(content, format="png")
    return content.getvalue()
