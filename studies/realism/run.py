"""Compare simulated with real spectra: realism.json and figures.

Without --simulated, a survey is simulated that has the real set's own redshifts and S/N.
"""

import sys

from galspec_spark.harness.cli import job_parser, run_job
from studies.realism.realism import realism


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--real",
        required=True,
        metavar="DIR",
        help="real spectra: a warehouse, or a folder of files",
    )
    parser.add_argument(
        "--simulated",
        metavar="DIR",
        help="simulated ones, likewise; default: simulate like the real",
    )
    parser.add_argument("--output", default="realism", metavar="DIR", help="folder of the results")
    return run_job("realism", parser, realism, output="output")


if __name__ == "__main__":
    sys.exit(main())
