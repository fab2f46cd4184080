"""Plant changes into a second release of a simulated survey, and count what diff finds of them."""

import sys
from pathlib import Path

from galspec_spark.harness.cli import job_parser, run_job
from studies.diff.planted import planted


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument("--output", default="planted", metavar="DIR", help="folder of the results")
    return run_job(
        "planted",
        parser,
        lambda spark, run, args: planted(spark, run, Path(args.output)),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
