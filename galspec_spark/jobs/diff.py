"""Tell what changed between two releases of a warehouse, and why.

Spectra that appeared or vanished, classes that flipped and the cause of each, rates by plate and
fibre: a table and a page.
"""

import argparse
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.diff.stage import diff
from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, local_path, value_of
from galspec_spark.harness.run import Run, Summary
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    for name in ("old", "new"):
        kind = value_of(name.upper(), "ingest.release")
        parser.add_argument(name, type=kind, metavar=name.upper(), help=f"the {name} release")
    add_warehouse(parser)
    parser.add_argument(
        "--model",
        type=local_path,
        nargs="+",
        default=["run/model"],
        metavar="DIR",
        help="model folder whose catalogues are compared; two where each release has its own",
    )
    parser.add_argument(
        "--output", type=local_path, default="diff", metavar="DIR", help="folder of the results"
    )
    return run_job("diff", parser, work, output="output")


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> Summary:
    """Compare the releases that the options name."""
    warehouse, releases = Warehouse(args.warehouse), (args.old, args.new)
    return diff(spark, run, warehouse, releases, list(map(Path, args.model)), Path(args.output))
