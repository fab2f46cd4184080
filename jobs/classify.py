"""Classify a release with a trained model: class, probability and flags of every spectrum."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.classify import classify
from galspec_spark.cli import job_parser, run_job
from galspec_spark.provenance import Run
from galspec_spark.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--warehouse", default="warehouse", metavar="DIR", help="folder of the tables"
    )
    parser.add_argument(
        "--model", default="run/model", metavar="DIR", help="model folder of a training run"
    )
    parser.add_argument("--release", metavar="NAME", help="classify this data release only")
    return run_job("classify", parser, work, output="warehouse")


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Classify."""
    return classify(spark, run, Warehouse(args.warehouse), Path(args.model), args.release)


if __name__ == "__main__":
    sys.exit(main())
