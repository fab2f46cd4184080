"""Show what gaps do to components, coefficients and scores: gaps.json, a table and a figure."""

import sys
from pathlib import Path

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.warehouse.tables import Warehouse
from studies.gaps.gaps import gaps


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--warehouse", default="warehouse", metavar="DIR", help="folder of the tables"
    )
    parser.add_argument("--output", default="gaps", metavar="DIR", help="folder of the results")
    return run_job(
        "gaps",
        parser,
        lambda spark, run, args: gaps(spark, run, Warehouse(args.warehouse), Path(args.output)),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
