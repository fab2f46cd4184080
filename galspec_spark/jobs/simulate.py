"""Write a simulated survey, as SDSS spec-lite files or directly as the table restframe."""

import argparse
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_setting, local_path
from galspec_spark.harness.run import Run
from galspec_spark.simulate.restframe import simulate_restframe
from galspec_spark.simulate.survey import simulate
from galspec_spark.warehouse.tables import Warehouse


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Simulate a survey as files, or as the table restframe."""
    if args.to == "restframe":
        return simulate_restframe(spark, run, Warehouse(args.output))
    return simulate(spark, run.config.simulate, Path(local_path(args.output)))


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--to",
        choices=("spec", "restframe"),
        default="spec",
        help="spec: files for galspec ingest; restframe: a warehouse for galspec train, without "
        "files, at thousands of spectra a second",
    )
    parser.add_argument("--output", default="survey", metavar="DIR", help="folder of the survey")
    for name, meaning in (("spectra", "number of spectra"), ("seed", "fixes all that is random")):
        add_setting(parser, f"--{name}", f"simulate.{name}", metavar=name[0].upper(), help=meaning)
    return run_job("simulate", parser, work, output="output")
