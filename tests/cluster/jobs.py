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
    output: str = "warehouse"  #: where its summary is
    results: tuple[str, ...] = ()  #: that are the same on a cluster
    stages: tuple[str, ...] = ()  #: patterns of what it does in tasks, to be disturbed there

    def arguments(self, survey: Path, here: Path) -> list[str]:
        """Return the options for one run."""
        given = self.options.format(survey=survey, here=here).split()
        return ["--config", str(CONFIG), *given]


#: The jobs that run on the cluster too, in the order in which they need each other.
JOBS = {
    "ingest": Spec(
        "--input {survey} --warehouse {here}/warehouse --release dr1",
        results=("warehouse/spectra", "warehouse/files"),
        stages=("ingest",),
    ),
    "preprocess": Spec(
        "--warehouse {here}/warehouse", results=("warehouse/restframe",), stages=("rest frame",)
    ),
    "measure": Spec(
        "--warehouse {here}/warehouse --set lines.templates={survey}/../templates.fits",
        results=("warehouse/lines",),
        stages=("lines",),
    ),
    "train": Spec(
        "--warehouse {here}/warehouse --output {here}/run",
        output="run",
        results=("run/metrics.json", "run/predictions", "run/search.parquet"),
        stages=("principal components", "RandomForest"),
    ),
    "classify": Spec(
        "--warehouse {here}/warehouse --model {here}/run/model --export csv --output {here}/out",
        results=("warehouse/catalog",),
        stages=("classify",),
    ),
}
#: All jobs that are started on one machine.
EACH = {
    "simulate": Spec("--output {survey}", output="survey"),
    **JOBS,
    "drift": Spec(
        "--warehouse {here}/warehouse --model {here}/run/model --release dr1 --output {here}/drift",
        output="drift",
    ),
    "changes": Spec("--warehouse {here}/warehouse --output {here}/changes", output="changes"),
    "verify": Spec("--warehouse {here}/warehouse --input {survey} --sample all"),
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
