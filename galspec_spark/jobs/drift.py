"""Compare a classified release with the model's training set; exit 3 if it has drifted."""

import argparse
from pathlib import Path

from galspec_spark.harness.cli import job_parser, run_without_spark
from galspec_spark.harness.options import add_model, add_release, add_warehouse, local_path
from galspec_spark.harness.run import Run, Summary
from galspec_spark.release.drift import drift
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    add_model(parser)
    add_release(parser, "the data release", required=True)
    parser.add_argument(
        "--output", type=local_path, default="drift", metavar="DIR", help="folder of the results"
    )
    return run_without_spark("drift", parser, work, output="output")


def work(run: Run, args: argparse.Namespace) -> Summary:
    """Compare the release that the options name."""
    return drift(run, Warehouse(args.warehouse), Path(args.model), args.release, Path(args.output))
