"""Write a simulated survey as SDSS spec-lite files, in the archive's folder layout."""

import argparse
import sys
from pathlib import Path

from galspec_spark.cli import job_parser, run_job
from galspec_spark.simulate.survey import simulate


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument("--output", default="survey", metavar="DIR", help="folder of the survey")
    for name, what in (("spectra", "number of spectra"), ("seed", "fixes all that is random")):
        # A shorthand for --set, so that the configuration's hash knows it.
        parser.add_argument(
            f"--{name}",
            metavar=name[0].upper(),
            action="append",
            dest="overrides",
            type=f"simulate.{name}={{}}".format,
            default=argparse.SUPPRESS,
            help=what,
        )
    return run_job(
        "simulate",
        parser,
        lambda spark, run, args: simulate(spark, run.config.simulate, Path(args.output)),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
