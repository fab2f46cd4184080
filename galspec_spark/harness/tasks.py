"""Run numbered tasks: Spark distributes them, the driver collects their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pyspark.sql import SparkSession

from galspec_spark.worker import prepare_worker

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_tasks(
    spark: SparkSession, work: Callable[[Task], Result], tasks: Sequence[Task]
) -> list[Result]:
    """Do each task in a Spark task of its own; return the results in the order of the tasks.

    Only the successful attempt of a task returns a result, so files that failed or speculative
    attempts staged are never committed.

    Parameters
    ----------
    work
        Picklable. Its results are small: pixels and matrices go by files.
    """

    def attempt(task: Task) -> Result:
        prepare_worker()
        return work(task)

    if not tasks:
        return []
    return spark.sparkContext.parallelize(tasks, len(tasks)).map(attempt).collect()


def shares(tasks: Sequence[Task], count: int) -> list[list[Task]]:
    """Divide tasks into at most `count` lists of about equal length, each in the given order."""
    return [share for first in range(count) if (share := list(tasks[first::count]))]
