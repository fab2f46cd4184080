"""Progress of long work: counts, rate and time left.

On a terminal one line is drawn again and again; elsewhere (a log, a scheduler) a line appears every
few seconds.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from galspec_spark.harness.console import CLEAR_LINE, clear_line

#: Seconds between two lines of a log, and between two looks of a line on a terminal.
INTERVAL, TERMINAL_INTERVAL = 5.0, 0.5

log = logging.getLogger(__name__)


class Progress:
    """Counts finished work and shows progress, at most every few seconds."""

    def __init__(self, what: str, total: int, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self._lock = threading.Lock()
        self._started = self._last = time.monotonic()
        self._done = 0
        self._is_terminal = sys.stderr.isatty()
        self.interval = TERMINAL_INTERVAL if self._is_terminal else INTERVAL

    def advance(self, count: int = 1) -> None:
        """Report that `count` more units are done; safe to call from several threads."""
        with self._lock:
            self._update(self._done + count)

    def reach(self, done: int) -> None:
        """Report how many units are done in all."""
        with self._lock:
            self._update(done)

    def finish(self) -> None:
        """Leave nothing on a terminal; what comes next has the line."""
        if self._is_terminal:
            clear_line()

    def _update(self, done: int) -> None:
        self._done = done
        now = time.monotonic()
        if now - self._last < self.interval or done == 0:
            return
        self._last = now
        text = line(self.what, done, self.total, self.unit, now - self._started)
        if self._is_terminal:
            draw(text)
        else:
            log.info("%s", text)


def line(what: str, done: int, total: int, unit: str, seconds: float) -> str:
    """Return one line of progress: counts, rate and time left."""
    rate = done / seconds
    left = (total - done) / rate
    share = f"{done:,} of {total:,} {unit} ({done / total:.0%})"
    return f"{what}: {share}, {rate:,.1f}/s, {left:,.0f} s left"


def draw(text: str) -> None:
    """Put a text, cut to the terminal's width, in the place of the line that is there."""
    width = shutil.get_terminal_size().columns - 1
    sys.stderr.write(f"{CLEAR_LINE}{text[:width]}")
    sys.stderr.flush()


@contextmanager
def spark_progress(spark: SparkSession, what: str, total: int, unit: str) -> Iterator[None]:
    """Report on the Spark jobs started inside the block, by the share of their tasks that are done.

    Parameters
    ----------
    total, unit
        Total work of the tasks, for example 632 files; tasks are of about equal size.
    """
    log.info("%s: %s %s", what, f"{total:,}", unit)
    context = spark.sparkContext
    group = f"{what}-{time.monotonic_ns()}"
    context.setJobGroup(group, f"{what} ({total:,} {unit})")
    progress = Progress(what, total, unit)
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(progress.interval):
            progress.reach(int(total * _share_done(spark, group)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        progress.finish()
        context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]


def _share_done(spark: SparkSession, group: str) -> float:
    """Return the share of finished tasks in the group's largest stage that Spark has begun."""
    tracker = spark.sparkContext.statusTracker()
    tasks, completed = 0, 0
    for job in tracker.getJobIdsForGroup(group):
        for stage in getattr(tracker.getJobInfo(job), "stageIds", ()):
            info = tracker.getStageInfo(stage)
            if info is not None and info.numTasks > tasks:
                tasks, completed = info.numTasks, info.numCompletedTasks
    return completed / tasks if tasks else 0.0
