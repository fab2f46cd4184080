"""Learn a basis of continua from SDSS's lines: basis.fits, basis.json and a figure."""

import sys
from pathlib import Path

from galspec_spark.harness.cli import job_parser, run_without_spark
from studies.basis.learning import Effort
from studies.basis.study import study_basis


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--input", required=True, metavar="DIR", help="folder of SDSS spec files with SPZLINE"
    )
    parser.add_argument(
        "--stars", required=True, metavar="DIR", help="folder of spectra of stars, MaStar's"
    )
    parser.add_argument("--output", default="basis", metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--folds", type=int, default=5, metavar="N", help="of objects, to judge by; 0: none"
    )
    parser.add_argument(
        "--iterations", type=int, default=Effort.iterations, metavar="N", help="of each learning"
    )
    return run_without_spark(
        "basis",
        parser,
        lambda run, args: study_basis(
            Path(args.input),
            Path(args.stars),
            Path(args.output),
            folds=args.folds,
            effort=Effort(iterations=args.iterations),
        ),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
