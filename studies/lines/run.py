"""Compare measured emission lines with the survey's own, and draw fits: lines.json and figures."""

import sys
from pathlib import Path

from galspec_spark.harness.cli import job_parser, run_without_spark
from galspec_spark.warehouse.tables import Warehouse
from studies.lines.lines import study_lines


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--warehouse", default="warehouse", metavar="DIR", help="folder of the tables"
    )
    parser.add_argument("--output", default="lines", metavar="DIR", help="folder of the results")
    return run_without_spark(
        "lines",
        parser,
        lambda run, args: study_lines(run, Warehouse(args.warehouse), Path(args.output)),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
