"""An ingest to be killed: says when it starts and ends, and commits slowly.

``python -m tests.slow_ingest SURVEY WAREHOUSE SECONDS`` pauses so long before each step.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.harness.session import open_session
from galspec_spark.ingest.stage import ingest
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests.submit import SETTINGS

CONFIG = Config(spark=SETTINGS)


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def slowly(method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    def slow(place: Location, *args: Location) -> Any:
        if place.name.endswith(".parquet"):
            time.sleep(seconds)
        return method(place, *args)

    return slow


def ingest_slowly(spark: SparkSession, survey: str, root: str, seconds: float) -> None:
    """Ingest one survey with a pause before each step of the commit."""
    with (
        patch.object(Location, "move", slowly(Location.move, seconds)),
        patch.object(Location, "delete", slowly(Location.delete, seconds)),
    ):
        ingest(spark, Run.start("ingest", CONFIG), [survey], Warehouse(root), "dr14")


def main(survey: str, root: str, seconds: str) -> None:
    """Ingest one survey in a session of its own."""
    with open_session("slow ingest", CONFIG) as spark:
        say("started")
        ingest_slowly(spark, survey, root, float(seconds))
        say("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
