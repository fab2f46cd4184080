"""The outcome of a run in the text format of Prometheus, for node_exporter's textfile collector.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from galspec_spark.harness.outcome import Outcome, Trail

Samples = Iterator[tuple[dict[str, str], float]]

#: What Prometheus has to have escaped in the value of a label.
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def prometheus_text(job: str, trail: Trail) -> str:
    """Return the metrics of a run: each family with its help, its type and its samples."""
    families = {
        "galspec_run_seconds": ("Duration of the last run, and of its steps.", _seconds),
        "galspec_run_exit_code": ("Exit code; of a step, as if it were alone.", _exit_code),
        "galspec_run_finished_timestamp_seconds": ("When it ended, since 1970.", _finished),
        "galspec_rows": ("Whole numbers of the summary, such as the rows read.", _rows),
    }
    lines = []
    for name, (explanation, samples) in families.items():
        lines += [f"# HELP {name} {explanation}", f"# TYPE {name} gauge"]
        for outcome in trail.outcomes:
            release = trail.release_of(outcome) or ""
            common = {"job": job, "step": outcome.step, "release": release}
            for labels, value in samples(outcome):
                lines.append(f"{name}{{{_labels({**common, **labels})}}} {value!r}")
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())


def _seconds(outcome: Outcome) -> Samples:
    yield {}, outcome.seconds


def _exit_code(outcome: Outcome) -> Samples:
    yield {}, outcome.exit_code


def _finished(outcome: Outcome) -> Samples:
    yield {}, (outcome.started + timedelta(seconds=outcome.seconds)).timestamp()


def _rows(outcome: Outcome) -> Samples:
    for name, value in outcome.counts.items():
        yield {"count": name}, value
