"""Train and compare the classifiers on a warehouse: Table 1, a model, and a report."""

import sys
from pathlib import Path

from galspec_spark.cli import job_parser, run_job
from galspec_spark.tables import Warehouse
from galspec_spark.train import train


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--warehouse", default="warehouse", metavar="DIR", help="folder of the tables"
    )
    parser.add_argument("--output", default="run", metavar="DIR", help="folder of the results")
    return run_job(
        "train",
        parser,
        lambda spark, run, args: train(spark, run, Warehouse(args.warehouse), Path(args.output)),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
