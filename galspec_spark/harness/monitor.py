"""What the end of a run leaves for those who watch: history, metrics, and an alarm."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from galspec_spark.harness.alarm import WEBHOOK_VARIABLE, post, run_command
from galspec_spark.harness.outcome import Outcome, message_of
from galspec_spark.harness.prometheus import prometheus_text
from galspec_spark.harness.run import Run, Summary
from galspec_spark.warehouse.runs import add_runs
from galspec_spark.warehouse.storage import Location

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where a run leaves what."""

    warehouse: Location | None  #: gets the table ``runs``, if it is there
    record: Location  #: file that the job keeps its result in


def watched(run: Run, places: Places, work: Callable[[], Summary]) -> Summary:
    """Do the work of a job, and tell of its end, whether it is done or failed.

    What cannot be told is a warning and changes nothing else.
    """
    try:
        with run.trail.step(run.job) as whole:
            summary = work()
            whole.take(summary)
            run.trail.learn_names(summary)
    finally:
        _tell(run, places, whole)
    return summary


def _tell(run: Run, places: Places, whole: Outcome) -> None:
    settings, root = run.config.monitoring, places.warehouse
    if root is not None:
        _try("the table runs", lambda: _add_history(run, root))
    target = settings.prometheus
    if target is not None:
        _try("monitoring.prometheus", lambda: _write_metrics(run, target))
    if whole.exit_code:
        _alarm(run, places, whole)


def _add_history(run: Run, root: Location) -> None:
    if not root.is_folder():  # a mistyped name of a warehouse makes none
        return
    trail = run.trail
    common = {"job": run.job, "model": trail.model, **run.columns()}
    rows = [{**vars(each), "release": trail.release_of(each), **common} for each in trail.outcomes]
    add_runs(root, run.id, rows)


def _write_metrics(run: Run, target: str) -> None:
    Location.of(target).write(prometheus_text(run.job, run.trail).encode())


def _alarm(run: Run, places: Places, whole: Outcome) -> None:
    settings = run.config.monitoring
    facts = {
        "exit_code": str(whole.exit_code),
        "job": run.job,
        "release": run.trail.release or "",
        "message": whole.message or "",
        "run_id": run.id,
        "record": str(places.record),
    }
    if settings.on_failure:
        _try("monitoring.on_failure", lambda: run_command(settings.on_failure, facts))
    secret = settings.webhook
    address = secret.get_secret_value() if secret else os.environ.get(WEBHOOK_VARIABLE)
    if address:
        _try("monitoring.webhook", lambda: post(address, facts))


def _try(what: str, do: Callable[[], object]) -> None:
    """Do what must not change how the job ends."""
    try:
        do()
    except Exception as error:
        log.debug("%s failed", what, exc_info=True)
        log.warning("%s: %s", what, message_of(error))
