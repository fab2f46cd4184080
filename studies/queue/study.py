"""How many labels the queue needs for the F1 that random choice has with all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.ml.features import FEATURES as KINDS
from galspec_spark.ml.labelled.features import ALL_FEATURES, feature_table
from galspec_spark.ml.labelled.spectra import labelled_spectra
from galspec_spark.report.style import style
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse
from studies.queue import figures
from studies.queue.simulation import CHOICES, RANDOM, Spectra, simulate

SEEDS = 20
#: Kinds of features, side by side.
FEATURES = ("pca", "lines")
#: Draws of the seeds, with replacement, for the intervals; and the interval's ends in percent.
DRAWS, INTERVAL = 2000, (2.5, 97.5)
#: By how much means of the same numbers may differ.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Curve:
    """F1 of AGN against the number of labels, of one way to choose them."""

    labels: list[float]  #: after each round, averaged over the seeds
    f1: list[list[float]]  #: (seeds, rounds)


@dataclass(frozen=True)
class Saving:
    """How many labels a choice needs for the mean F1 that random choice has with all of them.

    None stands for more than there are.
    """

    labels: float | None
    share_of_all: float | None  #: of all labels of the pool
    share_of_all_interval: list[float | None]
    share_of_random: float | None  #: of the labels with which random choice first has this F1
    share_of_random_interval: list[float | None]


def study_queue(
    spark: SparkSession, run: Run, warehouse: Warehouse, output: Path, seeds: int
) -> dict[str, Any]:
    """Simulate the labelling of a warehouse's labelled spectra, for each kind of features.

    Parameters
    ----------
    output
        Gets ``queue.json``, ``queue.md`` and ``queue.png``.

    Raises
    ------
    UserError
        If a table is missing.
    """
    output.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for kind in FEATURES:
        with _spectra(spark, warehouse, kind, run, output) as spectra:
            curves = _curves(spark, spectra, seeds)
        results[kind] = {
            "spectra": len(spectra.labels),
            "agn": int(spectra.labels.sum()),
            "curves": {choice: asdict(curve) for choice, curve in curves.items()},
            "savings": {choice: asdict(saving(curves, choice)) for choice in CHOICES},
        }
    numbers = {**run.columns(), "seeds": seeds, "results": results}
    write_json(output / "queue.json", numbers)
    (output / "queue.md").write_text(table(numbers), encoding="utf-8")
    with style():
        figures.curves(numbers).savefig(output / "queue.png")
    return {"seeds": seeds, "table": str(output / "queue.md")}


@contextmanager
def _spectra(
    spark: SparkSession, warehouse: Warehouse, kind_name: str, run: Run, output: Path
) -> Iterator[Spectra]:
    """Compute the features of the labelled spectra; those of pixels are fitted without labels."""
    kind = KINDS[kind_name]
    settings = kind.settings.model_validate(run.config.train.features.get(kind_name) or {})
    sample = read_sample(warehouse, ["split", "fold"])
    folds = pc.max(sample["fold"]).as_py() + 1
    spectra = labelled_spectra(spark, warehouse, sample["split"].to_pylist().count("train"))
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=output) as folder:
        scratch = Location.of(folder)
        fitted = kind.resolve(kind.fit)(spark, spectra, settings, folds, scratch)
        found = feature_table(spark, spectra, kind, fitted, scratch)
        rows = pa.concat_tables(open_part(part).read() for part in found.parts)
        yield Spectra.of(rows.sort_by("spectrum_id"), ALL_FEATURES)


def _curves(spark: SparkSession, spectra: Spectra, seeds: int) -> dict[str, Curve]:
    work = [(choice, seed) for choice in CHOICES for seed in range(seeds)]
    found = run_tasks(spark, partial(_simulate, spectra=spectra), work)
    curves = {}
    for number, choice in enumerate(CHOICES):
        ours = found[number * seeds : (number + 1) * seeds]
        labels = np.mean([labels for labels, _ in ours], axis=0).tolist()
        curves[choice] = Curve(labels, [f1 for _, f1 in ours])
    return curves


def _simulate(work: tuple[str, int], spectra: Spectra) -> tuple[list[int], list[float]]:
    return simulate(spectra, *work)


def saving(curves: dict[str, Curve], choice: str) -> Saving:
    """Compare a choice with random choice; intervals are a bootstrap over the seeds."""
    seeds = len(curves[RANDOM].f1)
    draws = np.random.default_rng(1).integers(0, seeds, (DRAWS, seeds))
    ours, of_random = (_reached(curves, name, np.arange(seeds)[None]) for name in (choice, RANDOM))
    drawn, drawn_random = (_reached(curves, name, draws) for name in (choice, RANDOM))
    everything = curves[RANDOM].labels[-1]
    return Saving(
        _finite(ours[0]),
        _finite(ours[0] / everything),
        _interval(drawn / everything),
        _finite(ours[0] / of_random[0]),
        _interval(drawn / drawn_random),
    )


def _reached(curves: dict[str, Curve], choice: str, seeds: np.ndarray) -> Doubles:
    """Return the first number of labels with the F1 of random choice at the end, (draws,).

    Parameters
    ----------
    seeds
        Which seeds are averaged, (draws, seeds).
    """
    target = np.array(curves[RANDOM].f1)[seeds, -1].mean(axis=1)
    mean = np.array(curves[choice].f1)[seeds].mean(axis=1)
    is_reached = mean >= target[:, None] - ROUNDING
    labels = np.array(curves[choice].labels)[is_reached.argmax(axis=1)]
    return np.where(is_reached.any(axis=1), labels, np.inf)


def _interval(values: Doubles) -> list[float | None]:
    return [_finite(end) for end in np.percentile(values, INTERVAL, method="nearest")]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def table(numbers: dict[str, Any]) -> str:
    """Return the Markdown page of ``queue.json``."""
    header = [
        "Features",
        "Choice",
        "F1 with all labels",
        "Labels for random's",
        "Share of all",
        "Share of random's",
    ]
    lines = [
        f"F1 of AGN, mean of {numbers['seeds']} seeds. 'Labels for random's': with how many labels "
        "a choice first has the mean F1 that random choice has with all of them. Shares: of all "
        "labels of the pool, and of those with which random choice first has this F1; with 95 % "
        "intervals (bootstrap over the seeds).",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
    ]
    for kind, result in numbers["results"].items():
        for choice, found in result["savings"].items():
            end = np.mean([f1[-1] for f1 in result["curves"][choice]["f1"]])
            shares = [
                f"{_text(found[name], 2)} ({_text(low, 2)} to {_text(high, 2)})"
                for name in ("share_of_all", "share_of_random")
                for low, high in [found[f"{name}_interval"]]
            ]
            cells = [kind, choice, f"{end:.3f}", _text(found["labels"], 0), *shares]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _text(value: float | None, digits: int) -> str:
    return "never" if value is None else f"{value:.{digits}f}"
