"""How each stage of a survey grows with its spectra, and what ten million would need.

Each stage is a command of its own, as a scheduler starts it. What needs files has a tenth of the
spectra, for files take most of the disk: reading and moving them is the same work for each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.commands import SPARK_SUBMIT, run_command
from benchmarks.copies import make_copies
from benchmarks.simulated import simulate_rows
from galspec_spark.harness.outcome import DONE, NOTHING_READ, PROBLEM_FOUND
from galspec_spark.harness.run import Run
from galspec_spark.warehouse.tables import Warehouse

JOBS = Path(__file__).resolve().parent.parent / "jobs"
GIBIBYTE = 2**30
#: Java takes what it may before it tidies up: with a fixed share the peak tells what else grows.
DRIVER_MEMORY = "2g"
#: Spectra for one of them with a file.
SPECTRA_PER_FILE = 10
FILES_PER_FOLDER = 1000
#: One classifier, whose grid is nearly free: what is left is what grows with the spectra.
TRAINING = ("train.features={pca: {}}", "train.classifiers={logistic_regression: {}}")
#: Of the simulated table; preprocess, whose default is another, decides again about all.
FOLDS = 3
TARGET = 10_000_000
#: Good ends: verify may find something, and files without a byte are all quarantined.
GOOD = (DONE, PROBLEM_FOUND, NOTHING_READ)


def compare_growth(
    spark: SparkSession, run: Run, files: list[str], sizes: list[int], scratch: Path
) -> list[dict[str, Any]]:
    """Run the stages at several sizes, smallest first; return a result for each stage and size."""
    results = []
    for size in sorted(sizes):
        folder = scratch / f"growth-{size}"
        for way in (_of_names(size, folder), _of_files(files, size // SPECTRA_PER_FILE, folder)):
            results += list(way)
            shutil.rmtree(folder)
        results += list(_of_rows(spark, run, size, folder))
        shutil.rmtree(folder)
    return results


def _of_names(size: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Ingest files without a byte, twice: what listing and accounts cost beside the spectra."""
    survey = folder / "survey"
    for number in range(size):
        inside, place = divmod(number, FILES_PER_FOLDER)
        if place == 0:
            (survey / f"{inside:04d}").mkdir(parents=True)
        (survey / f"{inside:04d}" / f"spec-{inside:04d}-55000-{place:04d}.fits").touch()
    command = ["ingest", "--input", str(survey), "--release", "names"]
    yield _stage("list and account for new files", size, folder, *command)
    yield _stage("list known files", size, folder, *command)


def _of_files(originals: list[str], size: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Ingest, preprocess and measure copies of spec files."""
    survey = folder / "survey"
    folder.mkdir(parents=True)
    make_copies(originals, size, survey)
    yield _stage("ingest", size, folder, "ingest", "--input", str(survey), "--release", "copies")
    yield _stage("preprocess", size, folder, "preprocess")
    yield _stage("measure", size, folder, "measure")


def _of_rows(spark: SparkSession, run: Run, size: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Decide about simulated rest-frame spectra; train, classify, export and verify."""
    warehouse = simulate_rows(spark, run, folder / "warehouse", size, FOLDS)
    with _stand_ins(warehouse):
        yield _stage("decide again", size, folder, "preprocess")
    settings = [word for each in TRAINING for word in ("--set", each)]
    output = str(folder / "output")
    yield _stage("train", size, folder, "train", "--output", output, *settings)
    model = ["--model", f"{output}/model"]
    yield _stage("classify", size, folder, "classify", *model)
    exported = ["--export", "hats", "--output", f"{output}/export"]
    yield _stage("export as HATS", size, folder, "classify", *model, *exported)
    yield _stage("verify", size, folder, "verify")


@contextmanager
def _stand_ins(warehouse: Warehouse) -> Iterator[None]:
    """Have a part of ``spectra``, without a byte, for each of ``restframe``: none is opened."""
    places = [warehouse.place_of(part) for part in warehouse.parts("restframe")]
    stand_ins = Path(warehouse.root.path, "spectra")
    for place in places:
        part = stand_ins / place.removeprefix("restframe/")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    yield
    shutil.rmtree(stand_ins)


def _stage(name: str, size: int, folder: Path, job: str, *words: str) -> dict[str, Any]:
    """Run a job on the warehouse of a folder and read the log that Spark wrote of it."""
    events = folder / "events"
    events.mkdir(exist_ok=True)
    conf = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
    }
    given = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    command = [SPARK_SUBMIT, "--driver-memory", DRIVER_MEMORY, *given, str(JOBS / f"{job}.py")]
    command += [*words, "--warehouse", str(folder / "warehouse")]
    finished = run_command(command, good=GOOD)
    spark_says = _events(next(events.iterdir()))
    shutil.rmtree(events)
    return {
        "work": f"{name}, {size} spectra",
        "way": "ours",
        "stage": name,
        "spectra": size,
        "seconds": finished.seconds,
        "runs": [finished.seconds],
        "cpu_seconds": finished.cpu_seconds,
        "peak_gibibytes": round(finished.peak_bytes / GIBIBYTE, 3),
        "parts": sum(1 for _ in (folder / "warehouse").rglob("*.parquet")),
        **spark_says,
        "commands": [" ".join(command)],
    }


def _events(log_file: Path) -> dict[str, Any]:
    """Sum what tasks shuffled and sent back to the driver, in megabytes, and count them."""
    tasks = shuffled = returned = 0
    with log_file.open() as lines:
        for line in lines:
            if '"Event":"SparkListenerTaskEnd"' not in line:
                continue
            metrics = json.loads(line).get("Task Metrics") or {}
            tasks += 1
            returned += metrics.get("Result Size", 0)
            written = metrics.get("Shuffle Write Metrics", {})
            shuffled += written.get("Shuffle Bytes Written", 0)
    return {"tasks": tasks, "shuffled_mb": shuffled / 1e6, "returned_mb": returned / 1e6}


def growth_table(results: list[dict[str, Any]]) -> str:
    """Return what each stage took at each size as Markdown, and what it would at `TARGET`."""
    measured = [result for result in results if "stage" in result]
    if not measured:
        return ""
    lines = [
        "| stage | spectra | seconds | CPU s | peak memory, GiB | parts | tasks | shuffled, MB "
        "| to the driver, MB | exponent |",
        f"|{'---|' * 10}",
    ]
    for stage in dict.fromkeys(result["stage"] for result in measured):
        of_stage = [result for result in measured if result["stage"] == stage]
        exponents = ["", *(f"{_exponent(a, b):.2f}" for a, b in pairwise(of_stage))]
        for r, exponent in zip(of_stage, exponents, strict=True):
            cells = [r["stage"], f"{r['spectra']:,}", f"{r['seconds']:.1f}"]
            cells += [f"{r['cpu_seconds']:.0f}", f"{r['peak_gibibytes']:.2f}", str(r["parts"])]
            cells += [str(r["tasks"]), f"{r['shuffled_mb']:.1f}", f"{r['returned_mb']:.1f}"]
            lines.append(f"| {' | '.join([*cells, exponent])} |")
        if len(of_stage) > 1:
            lines.append(_extrapolated(stage, of_stage))
    return "\n".join(lines) + "\n"


def _exponent(small: dict[str, Any], large: dict[str, Any]) -> float:
    """Return the power of the number of spectra that the CPU time follows."""
    grown = large["cpu_seconds"] / small["cpu_seconds"]
    return log(grown) / log(large["spectra"] / small["spectra"])


def _extrapolated(stage: str, results: list[dict[str, Any]]) -> str:
    """Lead CPU time and memory on to `TARGET` along the line through the two largest sizes."""
    small, large = results[-2:]
    times = (TARGET - large["spectra"]) / (large["spectra"] - small["spectra"])

    def led_on(name: str) -> float:
        return float(large[name] + (large[name] - small[name]) * times)

    cells = [f"{led_on(name):,.{digits}f}" for name, digits in (
        ("cpu_seconds", 0), ("peak_gibibytes", 1), ("parts", 0), ("tasks", 0),
        ("shuffled_mb", 0), ("returned_mb", 0),
    )]  # fmt: skip
    return f"| *{stage}, led on* | {TARGET:,} | | {' | '.join(cells)} | |"
