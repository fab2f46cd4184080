"""Totals of the sums of all tasks, passed through files: no matrix passes through Java."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

from pyspark.sql import SparkSession

from galspec_spark.harness.tasks import run_tasks
from galspec_spark.warehouse.storage import Location

Sum = TypeVar("Sum")

#: For at most this many tasks the driver adds up the sums itself.
FEW_TASKS = 4


@dataclass(frozen=True)
class Addition(Generic[Sum]):
    """How sums of one kind are loaded, saved and added."""

    load: Callable[[Location], Sum]
    save: Callable[[Location, Sum], None]
    plus: Callable[[Sum, Sum], Sum]

    def total(self, places: Sequence[Location]) -> Sum:
        """Add up files, one after another: the order decides the last digit."""
        return reduce(self.plus, map(self.load, places))


def add_up(
    spark: SparkSession,
    found: Sequence[Mapping[int, Location]],
    addition: Addition[Sum],
    scratch: Location,
) -> dict[int, Sum]:
    """Return the total for each number, in rising order.

    Parameters
    ----------
    found
        Files that each task wrote, by number (for example of the fold).
    scratch
        Folder for intermediate totals, which all machines see.
    """
    numbers = sorted({number for files in found for number in files})
    places = {number: [files[number] for files in found if number in files] for number in numbers}
    if len(found) > FEW_TASKS:

        def total(number: int) -> Location:
            place = scratch / f"total-{number}"
            addition.save(place, addition.total(places[number]))
            return place

        totals = run_tasks(spark, total, numbers)
        places = {number: [place] for number, place in zip(numbers, totals, strict=True)}
    return {number: addition.total(files) for number, files in places.items()}
