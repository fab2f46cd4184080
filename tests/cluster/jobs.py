"""The jobs that run on the cluster, and where they leave what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.submit import ROOT

CONFIG = ROOT / "tests" / "small.yaml"


@dataclass(frozen=True)
class Spec:
    """A job: its options, with the folders {survey} and {here}, and its results in {here}."""

    options: str
    results: tuple[str, ...]
    stages: tuple[str, ...] = ()  #: patterns of what it does in tasks, to be disturbed there

    def arguments(self, survey: Path, here: Path) -> list[str]:
        """Return the options for one run."""
        given = self.options.format(survey=survey, here=here).split()
        return ["--config", str(CONFIG), *given]


#: In the order in which they need each other.
JOBS = {
    "ingest": Spec(
        "--input {survey} --warehouse {here}/warehouse",
        ("warehouse/spectra", "warehouse/files"),
        ("ingest",),
    ),
    "preprocess": Spec("--warehouse {here}/warehouse", ("warehouse/restframe",), ("rest frame",)),
    "train": Spec(
        "--warehouse {here}/warehouse --output {here}/run",
        ("run/metrics.json", "run/predictions", "run/search.parquet"),
        ("components", "RandomForest"),
    ),
    "classify": Spec(
        "--warehouse {here}/warehouse --model {here}/run/model",
        ("warehouse/catalog",),
        ("classify",),
    ),
}


def moment_in(stage: str, here: Path) -> Callable[[], bool] | None:
    """Return what tells the moment to disturb a stage: any, but in ingest a half written part."""

    def is_half_written() -> bool:
        attempts = [path for path in here.glob("warehouse/_staging/*/*-*") if path.is_dir()]
        return any((a / "spectra").exists() and not (a / "files").exists() for a in attempts)

    return is_half_written if stage == "ingest" else None


def script(job: str) -> Path:
    """Return a job's program."""
    return ROOT / "jobs" / f"{job}.py"
